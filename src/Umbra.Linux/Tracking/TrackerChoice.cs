namespace Umbra.Linux.Tracking;

/// <summary>How written pages are to be found.</summary>
public enum TrackerChoice
{
    /// <summary>By the kernel's page tracking where machine and sandbox allow it, else by hashing.</summary>
    Automatic = 0,

    /// <summary>By hashing all memory: nothing is ever injected into an emulator.</summary>
    HashScan = 1,
}
