using Umbra.Qemu.Machines;
using Umbra.Qemu.Qmp;
using Xunit;

namespace Umbra.Qemu.Tests.Machines;

/// <summary>What real QEMUs with forbidden things are refused for.</summary>
public sealed class ProtectionChecksTests
{
    [Fact]
    public async Task A_VM_that_Umbra_started_is_not_refused()
    {
        await using var vms = new TestVm();
        Assert.Empty(await Refusals(await vms.Start()));
    }

    [Theory]
    [InlineData("-object memory-backend-ram,id=other,size=2M,share=on -device ivshmem-plain,memdev=other", "ivshmem")]
    [InlineData(
        "-object memory-backend-ram,id=other,size=2M,share=on -device ivshmem-plain,memdev=other",
        "QEMU cannot save this VM's state: Migration is disabled")]
    [InlineData("-object memory-backend-ram,id=other,size=2M", "RAM other is not shared")]
    [InlineData("-device VGA", "vga.vram")]
    [InlineData("-blockdev null-co,node-name=z,size=1048576 -device nvme,drive=z,serial=1", "NVMe")]
    [InlineData("-device ich9-ahci,id=a", null)]
    public async Task A_forbidden_device_is_refused_by_name(string arguments, string? message)
    {
        await using var vms = new TestVm();
        QemuVm vm = await vms.StartByHand(TestVm.Small with { ExtraArguments = arguments.Split(' ') });
        IReadOnlyList<string> refusals = await Refusals(vm);
        if (message is null) Assert.Empty(refusals);
        else Assert.Contains(refusals, r => r.Contains(message, StringComparison.Ordinal));
    }

    [Fact]
    public void Memory_blocks_in_no_backend_are_refused_and_ROMs_are_not()
    {
        const string table = """
                          Block Name    PSize              Offset
                                ram0    4 KiB  0x0000000000000000
                /rom@etc/acpi/tables    4 KiB  0x0000000010080000
                             pc.bios    4 KiB  0x0000000010000000
            0000:00:03.0/virtio-net-pci.rom  4 KiB  0x0000000010000000
                       system.flash1    4 KiB  0x0000000010000000
                              pc.ram    4 KiB  0x0000000010000000
                         strange.mem    4 KiB  0x0000000010000000
            """;
        Assert.Equal(
            3, ProtectionChecks.WhyBlocksAreRefused(table, ["ram0"]).Distinct().Count());
    }

    [Theory]
    [InlineData("memory-backend-memfd", "7.2", false)]
    [InlineData("memory-backend-memfd", "8.0", false)]
    [InlineData("memory-backend-memfd", "8.1", true)]
    [InlineData("memory-backend-memfd", "10.0", true)]
    [InlineData("memory-backend-file", "10.0", false)]
    public void RAM_that_QEMU_would_save_with_each_device_state_is_refused(string kind, string qemu, bool refused) =>
        Assert.Equal(refused, ProtectionChecks.WhyBackendIsSent("mem", kind, Version.Parse(qemu)) is not null);

    [Fact]
    public void Back_ends_in_the_kernel_are_refused_by_what_QEMU_has_open()
    {
        string[] refusals =
            [.. ProtectionChecks.WhyFilesAreRefused(["/dev/net/tun", "/dev/vhost-net", "/dev/vhost-net", "/dev/kvm"])];
        Assert.Contains("vhost=off", Assert.Single(refusals), StringComparison.Ordinal);
        Assert.Contains(
            "VFIO", Assert.Single(ProtectionChecks.WhyFilesAreRefused(["/dev/vfio/12"])), StringComparison.Ordinal);
        Assert.Contains("/dev/vhost-vsock", Assert.Single(ProtectionChecks.WhyFilesAreRefused(["/dev/vhost-vsock"])),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("n0: index=0,type=vhost-user,mode=server\r\n", true)]
    [InlineData("n0: index=0,type=tap,ifname=t0,script=no,downscript=no\r\n", false)]
    public void A_network_back_end_in_another_process_is_refused(string network, bool isRefused) =>
        Assert.Equal(isRefused, ProtectionChecks.WhyNetworkIsRefused(network) is not null);

    [Theory]
    [InlineData("host")]
    [InlineData("max,migratable=off")]
    public void A_CPU_that_depends_on_the_host_is_refused(string cpu) =>
        Assert.Contains(
            DefinitionChecks.Check(TestVm.Small with { Cpu = cpu }),
            e => e.Contains("name a model", StringComparison.Ordinal));

    [Fact]
    public void Drivers_and_machines_are_judged_by_name()
    {
        Assert.Contains("VFIO", ProtectionChecks.WhyDriverIsRefused("vfio-pci"), StringComparison.Ordinal);
        Assert.Contains(
            "vhost-user", ProtectionChecks.WhyDriverIsRefused("vhost-user-fs-pci"), StringComparison.Ordinal);
        Assert.Null(ProtectionChecks.WhyDriverIsRefused("virtio-blk-pci"));
        Assert.NotNull(ProtectionChecks.WhyMachineIsRefused("microvm"));
    }

    private static async Task<IReadOnlyList<string>> Refusals(QemuVm vm)
    {
        QmpOutcome<IReadOnlyList<string>> checks = await ProtectionChecks.RunAsync(
            vm.Monitor, TestVm.Deadline, TestContext.Current.CancellationToken);
        Assert.True(checks.IsOk, checks.ToString());
        return checks.Value;
    }
}
