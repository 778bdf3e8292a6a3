using Umbra.Linux.ProcFs;

namespace Umbra.Agent.Sensors;

/// <summary>
/// The canaries of a host: one for each place that VMs run in, one for each filesystem that they keep.
/// </summary>
public sealed class HostCanaries
{
    /// <summary>
    /// CPU canaries at a time. Each has memory of its own, twice the last-level cache; VMs with other CPU sets than
    /// these have no canary, and say so.
    /// </summary>
    public const int PlacesMax = 16;

    /// <summary>Disk canaries at a time.</summary>
    public const int DirectoriesMax = 32;

    /// <summary>By <see cref="KeyOf"/>.</summary>
    public SharedPool<HostCanary> Places { get; } = new(static key => new HostCanary(PlaceOf(key)), PlacesMax);

    /// <summary>By the canary's file.</summary>
    public SharedPool<DiskCanary> Files { get; } = new(static path => new DiskCanary(path), DirectoriesMax);

    /// <summary>Key of a place.</summary>
    public static string KeyOf(ThreadPlacement place) =>
        $"{NumberList.Format(place.Cpus)} {NumberList.Format(place.Nodes)}";

    private static ThreadPlacement PlaceOf(string key)
    {
        string[] lists = key.Split(' ');
        return new ThreadPlacement(NumberList.Parse(lists[0])!, NumberList.Parse(lists[1])!);
    }
}
