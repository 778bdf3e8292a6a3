#!/bin/sh
# Builds the test guest (vmlinuz, initrd.img) from Debian packages and workload.c into OUTDIR.
# Cached: does nothing when OUTDIR already holds what these sources make. Needs root only to install missing packages.
# usage: guest/build.sh OUTDIR
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUTDIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)

# Debian's cloud kernel has these as modules; each needs those before it.
modules="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk
failover net_failover virtio_net virtio_console"
kernel_package=linux-image-cloud-amd64
tool_packages="busybox-static cpio gcc gzip libc6-dev xz-utils"

key=$(cat "$here/build.sh" "$here/init" "$here/workload.c" | sha256sum | cut -d' ' -f1)
is_built() {
    [ -s "$out/vmlinuz" ] && [ -s "$out/initrd.img" ] && [ "$(cat "$out/built-from" 2>/dev/null)" = "$key" ]
}
if is_built; then exit 0; fi

# Several test projects may ask for the guest at once: one builds, the others wait and find it built.
exec 9>"$out/.lock"
flock 9
if is_built; then exit 0; fi

work=$(mktemp -d "$out/build.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

apt_cache_filled() { apt-cache show "$kernel_package" >/dev/null 2>&1; }

install_missing_tools() {
    missing=
    for package in $tool_packages; do
        dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || { echo "guest: needs the packages$missing: apt-get install$missing" >&2; exit 1; }
    echo "guest: installing$missing"
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
}

concrete_kernel() {
    apt-cache depends "$kernel_package" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1
}

download() {
    (cd "$out/packages" && apt-get download -q -o APT::Sandbox::User=root "$1" >/dev/null)
}

unpack_kernel() {
    concrete=$(concrete_kernel)
    [ -n "$concrete" ] || { echo "guest: no kernel behind $kernel_package in apt's lists" >&2; exit 1; }
    echo "guest: kernel $concrete"
    mkdir -p "$out/packages"  # kept: an unchanged kernel is not downloaded again
    if ! download "$concrete"; then
        # Lists that are older than the archive name packages that are gone.
        apt-get update -q >/dev/null
        concrete=$(concrete_kernel)
        download "$concrete"
    fi
    newest=$(ls -t "$out/packages/${concrete}"_*.deb | head -n 1)
    dpkg -x "$newest" "$work/kernel"
    cp "$work"/kernel/boot/vmlinuz-* "$work/vmlinuz"
}

copy_module() {
    found=$(find "$work/kernel" -name "$1.ko" -o -name "$1.ko.xz" | head -n 1)
    case "$found" in
        *.ko.xz) xz -dc "$found" >"$work/root/modules/$1.ko" ;;
        *.ko) cp "$found" "$work/root/modules/" ;;
        *) echo "guest: the kernel has no module $1" >&2; exit 1 ;;
    esac
    echo "$1" >>"$work/root/modules/order"
}

make_initrd() {
    mkdir -p "$work/root/bin" "$work/root/modules" "$work/root/proc" "$work/root/sys" "$work/root/dev"
    cp /bin/busybox "$work/root/bin/busybox"
    for applet in sh mount insmod ip cat echo sleep; do ln -s busybox "$work/root/bin/$applet"; done
    for module in $modules; do copy_module "$module"; done
    gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static -pthread -s "$here/workload.c" -o "$work/root/workload"
    cp "$here/init" "$work/root/init"
    chmod 755 "$work/root/init"
    (cd "$work/root" && find . | sort | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$work/initrd.img"
}

if ! apt_cache_filled; then
    [ "$(id -u)" = 0 ] || { echo "guest: apt knows no $kernel_package: run apt-get update" >&2; exit 1; }
    apt-get update -q >/dev/null
fi
install_missing_tools
unpack_kernel
make_initrd
mv "$work/vmlinuz" "$out/vmlinuz"
mv "$work/initrd.img" "$out/initrd.img"
echo "$key" >"$out/built-from"
echo "guest: built in $out"
