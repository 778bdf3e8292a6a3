using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Qemu.Machines;
using Xunit;

namespace Umbra.Qemu.Tests.Machines;

public sealed class AttachArgumentsTests
{
    private const string Good =
        "qemu-system-x86_64 -name guest=db,debug-threads=on "
        + "-machine pc-q35-7.2,accel=kvm,memory-backend=mem,vmport=off "
        + "-cpu EPYC -smp 2,sockets=1,cores=2 -m 1G -object memory-backend-memfd,id=mem,size=1G,share=on -nodefaults "
        + "-vga none -display none -drive file=/d.qcow2,if=none,id=x,format=qcow2 "
        + "-device virtio-blk-pci,drive=x,id=vda,"
        + "serial=abc -device pcie-root-port,id=p0,chassis=1 -chardev socket,id=q,path=/q1,server=on,wait=off "
        + "-mon chardev=q,mode=control -qmp unix:/q2,server=on,wait=off "
        + "-qmp unix:/q3,server=on,wait=off -serial stdio -rtc base=utc --no-reboot --only-migratable";

    [Fact]
    public void A_protectable_command_line_is_understood()
    {
        AttachedArguments read = Parse(Good);
        Assert.Empty(read.Refusals);
        Assert.Equal(["/q1", "/q2", "/q3"], read.QmpSockets);
        Assert.Equal(
            ("db", "pc-q35-7.2", "kvm", "EPYC", 2, Sizes.GiB, "mem", true),
            (read.Vm.Name.Value, read.Vm.Machine, read.Vm.Accelerator, read.Vm.Cpu, read.Vm.Cpus, read.Vm.MemoryBytes,
                read.Vm.MemoryId, read.Vm.IsForeign));
        Assert.Equal(
            "-machine vmport=off -smp 2,sockets=1,cores=2 -device virtio-blk-pci,drive=disk-vda,id=vda,serial=abc "
            + "-device pcie-root-port,id=p0,chassis=1 -device isa-serial,chardev=console -rtc base=utc -no-reboot",
            string.Join(' ', read.Vm.ExtraArguments));
    }

    [Fact]
    public void The_standby_gets_the_attached_device_once_and_its_other_arguments()
    {
        VmDefinition vm = Parse(Good).Vm with { Disks = [new() { Id = "vda", Bytes = 512, Address = "0x4" }] };
        var paths = HostPaths.Under(vm, "/s", "/r", "/m", new Dictionary<string, string>(), isShadow: true);
        IReadOnlyList<string> line = QemuCommandLine.Build(vm, paths, QemuRole.Standby);
        Assert.Single(line, a => a.Contains("id=vda", StringComparison.Ordinal));
        Assert.Single(line, "-smp");
        Assert.DoesNotContain(line, a => a.Contains("id=hp0", StringComparison.Ordinal));
        Assert.Contains("file,id=console,path=/s/console.log,append=on", line);
    }

    [Fact]
    public void JSON_forms_are_understood()
    {
        string[] argv =
        [
            .. Good.Replace("memory-backend-memfd,id=mem,size=1G,share=on", "JSON", StringComparison.Ordinal)
                .Split(' '),
        ];
        argv[Array.IndexOf(argv, "JSON")] =
            """{"qom-type":"memory-backend-file","id":"mem","mem-path":"/m","share":true}""";
        AttachedArguments read = AttachArguments.Parse(argv);
        Assert.Empty(read.Refusals);
        Assert.Equal("/m", read.RamFile);
    }

    [Theory]
    [InlineData("share=on", "share=off", "share=on")]
    [InlineData(",memory-backend=mem", "", "RAM is private memory")]
    [InlineData("-nodefaults", "-no-user-config", "-nodefaults")]
    [InlineData("-vga none", "-vga std", "graphics card")]
    [InlineData("-cpu EPYC ", "", "CPU model")]
    [InlineData("virtio-blk-pci,drive=x,id=vda", "nvme,drive=x,id=vda", "NVMe")]
    [InlineData("virtio-blk-pci,drive=x,id=vda", "vfio-pci,host=1", "VFIO")]
    [InlineData("virtio-blk-pci,drive=x,id=vda", "vhost-user-blk-pci,chardev=z", "vhost-user")]
    [InlineData("virtio-blk-pci,drive=x,id=vda", "virtio-blk-pci,drive=x", "has no id")]
    [InlineData("virtio-blk-pci,drive=x,id=vda", "usb-tablet", "usb-tablet")]
    [InlineData("-rtc base=utc", "-icount 5", "-icount")]
    [InlineData("-m 1G", "-m 1G,slots=2,maxmem=4G", "RAM hot-plug")]
    [InlineData("-qmp unix:/q2,server=on,wait=off", "", "three are needed")]
    [InlineData("-drive file=/d.qcow2,if=none", "-drive if=pflash,file=/d", "UEFI")]
    [InlineData("accel=kvm", "accel=xen", "accelerator xen")]
    [InlineData("-rtc base=utc", "-netdev tap,id=n,ifname=t,vhost=on", "vhost=off")]
    [InlineData("-rtc base=utc", "-netdev tap,id=n,ifname=t,vhostforce", "vhost=off")]
    [InlineData("-rtc base=utc", "-netdev vhost-user,id=n,chardev=c", "vhost-user")]
    public void What_cannot_be_mirrored_is_refused_by_name(string good, string bad, string message)
    {
        Assert.Contains(good, Good, StringComparison.Ordinal);
        AttachedArguments read = Parse(Good.Replace(good, bad, StringComparison.Ordinal));
        Assert.Contains(read.Refusals, r => r.Contains(message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("512", 512L * Sizes.MiB)]
    [InlineData("2G", 2 * Sizes.GiB)]
    [InlineData("x", -1)]
    [InlineData("99999999999999T", -1)]
    public void Sizes_are_QEMUs(string text, long bytes) =>
        Assert.Equal(bytes, AttachArguments.Parse(["q", "-m", text]).Vm.MemoryBytes);

    private static AttachedArguments Parse(string line) =>
        AttachArguments.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
