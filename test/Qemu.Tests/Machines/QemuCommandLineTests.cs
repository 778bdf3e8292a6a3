using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Qemu.Machines;
using Xunit;

namespace Umbra.Qemu.Tests.Machines;

public sealed class QemuCommandLineTests
{
    private static readonly VmDefinition s_vm = new()
    {
        Name = new VmId("web"),
        Disks = [new DiskDefinition { Id = "d0", Bytes = 512 }],
        Nics = [new NicDefinition { Id = "n0", Mac = "52:54:00:00:00:01", Bridge = "br0" }],
        Kernel = new KernelBoot { KernelPath = "/k", InitrdPath = "/i", CommandLine = "console=ttyS0 a,b" },
        Uuid = "5d1f6b1e-0000-4000-8000-000000000001",
    };

    private static readonly HostPaths s_paths = HostPaths.Under(
        s_vm, "/s,1", "/run/u", "/dev/shm", new Dictionary<string, string> { ["n0"] = "tap7" }, isShadow: false);

    [Fact]
    public void Everything_the_guest_sees_is_explicit()
    {
        string line = string.Join(' ', QemuCommandLine.Build(s_vm, s_paths, QemuRole.Primary));
        foreach (string part in (string[])
            [
                "-machine pc-q35-7.2,memory-backend=ram0 -accel tcg -cpu qemu64 "
                    + "-smp cpus=1,sockets=1,cores=1,threads=1",
                "-m size=256M -object memory-backend-file,id=ram0,size=256M,mem-path=/dev/shm/web.ram,share=on",
                "-nodefaults -no-user-config -display none -vga none -only-migratable "
                    + "-uuid 5d1f6b1e-0000-4000-8000-000000000001",
                "-device pcie-root-port,id=hp3,bus=pcie.0,addr=0x13,chassis=4,slot=4",
                "-blockdev driver=raw,node-name=disk-d0,cache.direct=on,file.driver=file,file.filename=/s,,1/d0.raw,",
                "-device driver=virtio-blk-pci,id=d0,drive=disk-d0,bus=pcie.0,addr=0x2",
                "-netdev type=tap,id=net-n0,ifname=tap7,script=no,downscript=no,vhost=off",
                "-device driver=virtio-net-pci,id=n0,netdev=net-n0,mac=52:54:00:00:00:01,romfile=,bus=pcie.0,addr=0xa",
                "-kernel /k -initrd /i -append console=ttyS0 a,b",
                "socket,id=qmp,path=/run/u/qmp.sock,server=on,wait=off",
                "socket,id=brake,path=/run/u/brake.sock,server=on,wait=off",
            ])
            Assert.Contains(part, line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_standby_differs_only_in_waiting()
    {
        IReadOnlyList<string> primary = QemuCommandLine.Build(s_vm, s_paths, QemuRole.Primary);
        Assert.Equal([.. primary, "-S", "-incoming", "defer"], QemuCommandLine.Build(s_vm, s_paths, QemuRole.Standby));
    }

    [Fact]
    public void A_hot_plugged_disk_sits_on_its_root_port()
    {
        VmDefinition vm = s_vm with { Disks = [s_vm.Disks[0] with { Bus = "hp1", Address = "0x0" }] };
        Assert.Contains(
            "driver=virtio-blk-pci,id=d0,drive=disk-d0,bus=hp1,addr=0x0",
            QemuCommandLine.Build(vm, s_paths, QemuRole.Primary));
    }

    [Theory]
    [InlineData("q35")]
    [InlineData("pc")]
    [InlineData("microvm")]
    public void An_alias_of_a_machine_type_is_refused(string machine) => Assert.Contains(
        DefinitionChecks.Check(s_vm with { Machine = machine }),
        e => e.Contains("not pinned", StringComparison.Ordinal));

    [Fact]
    public void Each_flaw_of_a_definition_has_its_own_message()
    {
        VmDefinition bad = new()
        {
            Name = new VmId("Bad Name"),
            Machine = "q35",
            Accelerator = "xen",
            Cpus = 0,
            MemoryBytes = 5,
            Cpu = "a b",
            Uuid = "x",
            Disks = [new() { Id = "same", Bytes = 5, Format = "vmdk" }],
            Nics = [new() { Id = "same", Mac = "5", Bridge = "b", Address = "zz" }],
        };
        IReadOnlyList<string> errors = DefinitionChecks.Check(bad);
        Assert.Equal(12, errors.Distinct().Count());
        Assert.Empty(DefinitionChecks.Check(s_vm));
    }
}
