using System.Text;
using Umbra.Core.Basics;
using Umbra.Fuzz.Harness;
using Umbra.Linux.Memory;
using Umbra.Linux.Processes;
using Umbra.Linux.ProcFs;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// The parsers of /proc: names in it are chosen by whoever starts a process. Whatever the text, an answer and no
/// exception, and what is answered makes sense.
/// </summary>
public sealed class ProcTextTarget : IFuzzTarget
{
    private static readonly string[] Samples =
    [
        "7f0000000000-7f0004000000 rw-s 00000000 00:1a 7    /dev/shm/vm.ram\n"
            + "7f0004000000-7f0008000000 rw-s 04000000 00:1a 7    /dev/shm/vm.ram\n",
        "4711 (a) S (b) R 1 4711 4711 0 -1 4194560 1 2 3 4 55 66 7 8 20 0 3 0 987654 1000 200 1844674\n",
        "MemTotal:       24684096 kB\nSwapTotal: 0 kB\n",
        "processor\t: 0\nmodel name\t: AMD EPYC\nmicrocode\t: 0x1000065\nflags\t\t: fpu vme\n",
        "6.18.44-amd64\n",
        "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
        "9:name=systemd:/\n4:memory:/a/b\n0::/unified\n",
        "qemu-system-x86_64\0-name\0vm\0\0",
    ];

    public string Name => "proc-text";

    public IReadOnlyList<byte[]> Seeds { get; } = [.. Samples.Select(Encoding.UTF8.GetBytes)];

    public void Run(ReadOnlySpan<byte> input)
    {
        string text = Encoding.UTF8.GetString(input);
        CheckMaps(text);
        ProcessStat? stat = ProcessStat.Parse(text);
        Invariant.Holds(stat is null or { Pid: >= 0, Parent: >= 0 });
        Invariant.Holds(KernelText.MemoryBytes(text, "MemTotal") is null or >= 0);
        _ = KernelText.ProcessorModel(text);
        _ = KernelText.ProcessorMicrocode(text);
        _ = KernelText.ProcessorFlags(text);
        _ = KernelText.KernelVersion(text);
        Invariant.Holds(KernelText.ProcessorCount(text) <= text.Length);
        ControlGroups groups = ControlGroups.Parse(text);
        bool hasUnified = groups.Layout is ControlGroupLayout.Hybrid or ControlGroupLayout.Version2;
        Invariant.Holds(hasUnified == groups.UnifiedMount is not null);
        _ = ControlGroups.ParseMembership(text);
        Invariant.Holds(ProcessHandle.SplitArguments(input).Count <= input.Length);
    }

    private static void CheckMaps(string text)
    {
        List<ProcessMapping> mappings = ProcessMaps.Parse(text);
        foreach (ProcessMapping mapping in mappings) Invariant.Holds(mapping.Start <= mapping.End);
        const long bytes = 128 * Sizes.MiB;
        if (RamMapping.FindIn(mappings, 1, "/dev/shm/vm.ram", bytes) is { IsOk: true } found)
            Invariant.Holds(found.Value.Range.Bytes == bytes);
    }
}
