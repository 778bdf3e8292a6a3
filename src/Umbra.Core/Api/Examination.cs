using Umbra.Core.Basics;
using Umbra.Core.Sensors;

namespace Umbra.Core.Api;

/// <summary>
/// Where a VM runs on its host. Its agent tells it while the VM is there, and needs to be told when it is to measure in
/// the same place after the VM has left.
/// </summary>
public sealed record VmPlace
{
    /// <summary>Longest list of CPUs or nodes, characters.</summary>
    public const int ListLengthMax = 1024;

    /// <summary>Longest directory, characters: that of a path on Linux.</summary>
    public const int DirectoryLengthMax = 4096;

    /// <summary>CPUs that its process may run on, as the kernel lists them: <c>0-3,8</c>.</summary>
    public required string Cpus { get; init; }

    /// <summary>Memory nodes that it may use, likewise; empty where the kernel has none.</summary>
    public required string Nodes { get; init; }

    /// <summary>Directory on the filesystem of its images, absolute.</summary>
    public required string Directory { get; init; }

    /// <summary>Whether its texts are within their limits.</summary>
    public bool IsWithinLimits() =>
        Cpus.Length is > 0 and <= ListLengthMax && Nodes.Length <= ListLengthMax
        && Directory.Length is > 0 and <= DirectoryLengthMax;
}

/// <summary>
/// Asks a host's agent to run the canaries again where a VM was, once the VM's copy is gone from there. Repeated in
/// every answer until the result has come.
/// </summary>
/// <param name="Id">The diagnosis; an examination that was made is not made again.</param>
/// <param name="Vm">The VM that left.</param>
/// <param name="Place">Where it ran.</param>
public sealed record ExaminationRequest(string Id, VmId Vm, VmPlace Place)
{
    /// <summary>Examinations that a host is asked for at once; further ones wait.</summary>
    public const int AtOnceMax = 8;

    /// <summary>Longest id, characters.</summary>
    public const int IdLengthMax = 128;
}

/// <summary>
/// What a host's canaries found where a VM had been. Repeated in every heartbeat until it is asked for no more; the
/// agent judges nothing.
/// </summary>
public sealed record Examination
{
    /// <summary>Most KPIs of one.</summary>
    public const int KpisMax = 8;

    /// <summary>Longest text, characters.</summary>
    public const int TextLengthMax = 1000;

    /// <summary>The diagnosis that it is for.</summary>
    public required string Id { get; init; }

    /// <summary>When its first look that counts was, UTC by the host's clock.</summary>
    public required DateTimeOffset Began { get; init; }

    /// <summary>When it ended, likewise.</summary>
    public required DateTimeOffset Ended { get; init; }

    /// <summary>VMs and shadows that the host still had: with some the host was not empty.</summary>
    public int OthersThere { get; init; }

    /// <summary>What the canaries found, one for each KPI.</summary>
    public required IReadOnlyList<ExaminedKpi> Kpis { get; init; }

    /// <summary>
    /// What the kernel says of the memory's scrubbing and of its errors before and after; begins with
    /// <c>not available</c> where it says nothing.
    /// </summary>
    public string Memory { get; init; } = "";

    /// <summary>Whether its lists and texts are within their limits, and its KPIs have names.</summary>
    public bool IsWithinLimits() =>
        Id.Length is > 0 and <= ExaminationRequest.IdLengthMax && Memory.Length <= TextLengthMax
        && Kpis.Count <= KpisMax && Kpis.All(static kpi =>
            kpi is not null && KpiNames.IsValid(kpi.Kpi) && kpi.Reason.Length <= TextLengthMax);
}

/// <summary>The looks of one canary.</summary>
public sealed record ExaminedKpi
{
    /// <summary>Its name: <c>disk.latency</c> ...</summary>
    public required string Kpi { get; init; }

    /// <summary>Seconds that had a value.</summary>
    public int Looks { get; init; }

    /// <summary>The smallest value in the KPI's unit; null without looks.</summary>
    public double? Low { get; init; }

    /// <summary>The median; null without looks.</summary>
    public double? Median { get; init; }

    /// <summary>The largest; null without looks.</summary>
    public double? High { get; init; }

    /// <summary>Why the last second without a value had none; empty when all had one.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Of the samples of one KPI, one a second.</summary>
    public static ExaminedKpi Of(string kpi, IEnumerable<KpiSample> samples)
    {
        string reason = "";
        var values = new List<double>();
        foreach (var sample in samples)
        {
            if (sample.Value is { } value) values.Add(value);
            else reason = sample.Reason;
        }

        values.Sort();
        return values.Count == 0
            ? new ExaminedKpi { Kpi = kpi, Reason = reason == "" ? "it was not looked at" : reason }
            : new ExaminedKpi
            {
                Kpi = kpi,
                Looks = values.Count,
                Low = values[0],
                Median = (values[(values.Count - 1) / 2] + values[values.Count / 2]) / 2,
                High = values[^1],
                Reason = reason,
            };
    }
}
