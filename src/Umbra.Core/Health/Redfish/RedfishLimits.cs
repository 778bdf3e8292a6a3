namespace Umbra.Core.Health.Redfish;

/// <summary>What is taken of one Redfish service in one look.</summary>
public static class RedfishLimits
{
    /// <summary>Most pages; a two-socket server has about 150 that matter.</summary>
    public const int PagesMax = 512;

    /// <summary>Largest page, bytes; a log of a thousand expanded entries has about 1 MB.</summary>
    public const int PageBytesMax = 2 * 1024 * 1024;

    /// <summary>Longest path of a link, characters.</summary>
    public const int PathCharsMax = 256;

    /// <summary>Most links taken of one page.</summary>
    public const int LinksPerPageMax = 512;

    /// <summary>Log entries fetched one by one of one log in one look, half of them from each end.</summary>
    public const int EntriesFetchedMax = 32;
}
