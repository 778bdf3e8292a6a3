using Umbra.Linux.Memory;
using Umbra.Linux.ProcFs;
using Umbra.Linux.Tracking;

namespace Umbra.Linux.Tests.Memory;

public sealed class RamMappingTests
{
    private const long MiB = 1 << 20;

    [Fact]
    public void A_RAM_file_is_found_among_other_mappings()
    {
        RamMapping found = Find("""
            55d000000000-55d000100000 r--p 00000000 fe:00 100 /usr/bin/qemu-system-x86_64
            7f0000000000-7f0004000000 rw-s 00000000 00:1a 7 /dev/shm/vm.ram
            7f0010000000-7f0014000000 rw-p 00000000 00:1a 7 /dev/shm/vm.ram
            """, "/dev/shm/vm.ram", 64 * MiB).OrThrow();
        Assert.Equal(new AddressRange(0x7f0000000000, 64 * MiB), found.Range);
        Assert.Equal("/proc/42/map_files/7f0000000000-7f0004000000", found.OpenPath);
    }

    [Fact]
    public void A_mapping_that_the_kernel_split_counts_as_one()
    {
        RamMapping found = Find("""
            7f0000000000-7f0002000000 rw-s 00000000 00:1a 7 /dev/shm/vm.ram
            7f0002000000-7f0004000000 rw-s 02000000 00:1a 7 /dev/shm/vm.ram
            """, "/dev/shm/vm.ram", 64 * MiB).OrThrow();
        Assert.Equal(64 * MiB, found.Range.Bytes);
    }

    [Fact]
    public void A_memfd_is_found_by_its_name_and_size()
    {
        const string maps = """
            7f0000000000-7f0004000000 rw-s 00000000 00:01 7 /memfd:memory-backend-memfd (deleted)
            7f1000000000-7f1008000000 rw-s 00000000 00:01 8 /memfd:memory-backend-memfd (deleted)
            """;
        Assert.Equal(0x7f1000000000UL, Find(maps, "memory-backend-memfd", 128 * MiB).OrThrow().Range.Start);
        Assert.Equal(0x7f0000000000UL, Find(maps, "memory-backend-memfd", 64 * MiB).OrThrow().Range.Start);
    }

    [Fact]
    public void Two_backends_that_cannot_be_told_apart_are_an_error()
    {
        SystemError? error = Find("""
            7f0000000000-7f0004000000 rw-s 00000000 00:01 7 /memfd:m (deleted)
            7f1000000000-7f1004000000 rw-s 00000000 00:01 8 /memfd:m (deleted)
            """, "m", 64 * MiB).Error;
        Assert.Contains("more than once", error?.Message);
    }

    [Theory]
    [InlineData("7f0000000000-7f0004000000 rw-p 00000000 00:1a 7 /dev/shm/vm.ram")]
    [InlineData("7f0000000000-7f0002000000 rw-s 00000000 00:1a 7 /dev/shm/vm.ram")]
    [InlineData("7f0000000000-7f0004000000 rw-s 00001000 00:1a 7 /dev/shm/vm.ram")]
    [InlineData("7f0000000000-7f0004000000 rw-s 00000000 00:1a 7 /dev/shm/vm.ram2")]
    [InlineData("")]
    public void Private_short_shifted_or_foreign_mappings_do_not_count(string maps)
    {
        Assert.Contains("share=on", Find(maps, "/dev/shm/vm.ram", 64 * MiB).Error?.Message);
    }

    [Fact]
    public void A_process_that_is_gone_is_an_outcome()
    {
        Assert.True(RamMapping.Find(int.MaxValue, "/dev/shm/x", MiB).Error?.IsGone);
    }

    private static Outcome<RamMapping> Find(string maps, string backing, long bytes) =>
        RamMapping.FindIn(ProcessMaps.Parse(maps), 42, backing, bytes);
}
