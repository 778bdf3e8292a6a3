#!/bin/sh
# Builds OUTDIR/initrd-jobs.img: the test guest with real programs of Debian (sqlite3, perl) and two jobs that run them
# without end and count what they did. Cached like guest/build.sh, which comes first.
# usage: guest/jobs.sh OUTDIR
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUTDIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
"$here/build.sh" "$1"
out=$(cd "$1" && pwd)
packages="libc6 sqlite3 libsqlite3-0 libreadline8 libtinfo6 zlib1g perl-base libcrypt1"

key=$(cat "$here/jobs.sh" "$here"/jobs/* "$out/built-from" | sha256sum | cut -d' ' -f1)
is_built() { [ -s "$out/initrd-jobs.img" ] && [ "$(cat "$out/jobs-built-from" 2>/dev/null)" = "$key" ]; }
if is_built; then exit 0; fi

exec 9>"$out/.jobs-lock"
flock 9
if is_built; then exit 0; fi

work=$(mktemp -d "$out/jobs.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

fetch() {
    mkdir -p "$out/packages"
    # shellcheck disable=SC2086
    (cd "$out/packages" && apt-get download -q -o APT::Sandbox::User=root $packages >/dev/null)
}

fetch || { apt-get update -q >/dev/null && fetch; }
mkdir -p "$work/root/jobs"
for package in $packages; do
    dpkg -x "$(ls -t "$out/packages/${package}"_*.deb | head -n 1)" "$work/root"
done
# What no program of the guest reads.
rm -rf "$work/root/usr/share" "$work/root/etc"
cp "$here"/jobs/* "$work/root/jobs/"
chmod 755 "$work/root/jobs/start" "$work/root/jobs/sqlite" "$work/root/jobs/perl"
# A later archive's files take the place of an earlier one's: this init starts the job, then goes on as the other.
sed 's|^exec /workload|/jobs/start \&\nexec /workload|' "$here/init" >"$work/root/init"
chmod 755 "$work/root/init"
(cd "$work/root" && find . | sort | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$work/jobs.img"
cat "$out/initrd.img" "$work/jobs.img" >"$work/initrd-jobs.img"
mv "$work/initrd-jobs.img" "$out/initrd-jobs.img"
echo "$key" >"$out/jobs-built-from"
echo "guest: built jobs in $out"
