using System.Text;
using Umbra.Core.Api;
using Umbra.Core.Basics;
using Umbra.Fuzz.Harness;
using Umbra.Linux.Processes;
using Umbra.Qemu.Machines;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// The command line of a QEMU that somebody else started. Whatever it says: an answer and no exception; and where
/// nothing is refused, the arguments that a standby would get are understood again, to the same.
/// </summary>
public sealed class AttachArgumentsTarget : IFuzzTarget
{
    private static readonly string[] Samples =
    [
        "qemu-system-x86_64 -name guest=db,debug-threads=on -machine pc-q35-7.2,accel=kvm,memory-backend=mem "
            + "-cpu EPYC -smp 2,sockets=1,cores=2 -m 1G -object memory-backend-memfd,id=mem,size=1G,share=on "
            + "-nodefaults -vga none -drive file=/d,,x.qcow2,if=none,id=x -device virtio-blk-pci,drive=x,id=vda "
            + "-device pcie-root-port,id=p0,chassis=1 -chardev socket,id=q,path=/q1,server=on,wait=off "
            + "-mon chardev=q,mode=control -qmp unix:/q2,server=on -qmp unix:/q3,server=on -serial stdio --no-reboot",
        "qemu -m 512 -object {\"qom-type\":\"memory-backend-file\",\"id\":\"m\",\"mem-path\":\"/m\",\"share\":true} "
            + "-device {\"driver\":\"virtio-net-pci\",\"id\":\"n\",\"netdev\":\"x\",\"a\":{\"b\":[1,null]}} -kernel /k",
        "q -netdev tap,id=n,vhost=on -smp cpus=4,maxcpus=8 -m size=1T,maxmem=2T -uuid x -accel tcg,thread=multi -S",
        "q -device", "q -device ,, -device = -device id= -object , -m ,", "q -chardev {} -device {\"id\":{}} -device {",
    ];

    public string Name => "attach-arguments";

    public IReadOnlyList<byte[]> Seeds { get; } =
        [.. Samples.Select(s => Encoding.UTF8.GetBytes(s.Replace(' ', '\0')))];

    public void Run(ReadOnlySpan<byte> input)
    {
        IReadOnlyList<string> argv = ProcessHandle.SplitArguments(input);
        AttachedArguments read = AttachArguments.Parse(argv);
        Invariant.Holds(read.Refusals.All(static why => why.Length > 0), "each refusal says something");
        Invariant.Holds(read.QmpSockets.Count <= argv.Count);
        // A name that is none, a size that is none: the checks of the definition say so, and do not throw either.
        IReadOnlyList<string> errors = DefinitionChecks.Check(read.Vm);
        Invariant.Holds(errors.All(static why => why.Length > 0));
        foreach (string device in DevicesOf(read.Vm)) CheckDevice(device);
    }

    private static IEnumerable<string> DevicesOf(VmDefinition vm) =>
        vm.ExtraArguments.Skip(1).Where((_, i) => vm.ExtraArguments[i] == "-device");

    // Read back as the device of another command line, it is the same one.
    private static void CheckDevice(string device)
    {
        string[] again = [.. DevicesOf(AttachArguments.Parse(["q", "-device", device]).Vm)];
        Invariant.Holds(again is [] || again[0] == device, "a device's argument is read back as it was written");
    }
}
