using System.Text;
using Umbra.Core.Basics;
using Umbra.Fuzz.Harness;
using Umbra.Linux.Machine;
using Umbra.Linux.Network;
using Umbra.Linux.ProcFs;

namespace Umbra.Fuzz.Targets;

/// <summary>
/// What sensors read of the kernel: scheduler counts, pressure, CPU lists, placements, sizes, numbers, and a
/// connection's structure. Whatever the bytes, an answer or none, and an answer within its limits.
/// </summary>
public sealed class SensorTextTarget : IFuzzTarget
{
    private static readonly string[] Samples =
    [
        "123456789012 50957 17\n",
        "some avg10=34.11 avg60=22.76 avg300=23.60 total=138438382\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
        "0-3,8,10-11\n",
        "Name:\tCPU 0/KVM\nCpus_allowed_list:\t2-3,6\nMems_allowed_list:\t0-1\n",
        "107520K\n",
        "18446744073709551615\n",
    ];

    public string Name => "sensor-text";

    public IReadOnlyList<byte[]> Seeds { get; } =
        [.. Samples.Select(Encoding.UTF8.GetBytes), [.. Enumerable.Range(0, 200).Select(i => (byte)i)]];

    public void Run(ReadOnlySpan<byte> input)
    {
        string text = Encoding.UTF8.GetString(input);
        _ = SchedStat.Parse(text);
        _ = Pressure.Parse(text);
        if (NumberList.Parse(text) is { } list) CheckList(list);
        if (ThreadPlacement.Parse(text) is { } placement)
        {
            Invariant.Holds(placement.Cpus.Count > 0);
            CheckList(placement.Cpus);
            CheckList(placement.Nodes);
        }

        Invariant.Holds(CpuTopology.ParseSize(text) is null or >= 0);
        _ = InterfaceCounters.ParseNumber(text);
        Invariant.Holds(TcpInfo.Parse(input) is null == input.Length < 160);
    }

    private static void CheckList(IReadOnlyList<int> list)
    {
        Invariant.Holds(list.Count <= NumberList.NumberMax && list.All(n => n is >= 0 and < NumberList.NumberMax));
        Invariant.Holds(list.SequenceEqual(NumberList.Parse(NumberList.Format(list))!), "written and read the same");
    }
}
