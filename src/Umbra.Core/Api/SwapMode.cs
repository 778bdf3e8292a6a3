namespace Umbra.Core.Api;

/// <summary>Who decides that a VM leaves hardware that is suspected.</summary>
public enum SwapMode
{
    /// <summary>Nobody: what would be done is told only.</summary>
    Observe = 0,

    /// <summary>A person, by <c>umbra approve</c>.</summary>
    Approve = 1,

    /// <summary>The controller, at once.</summary>
    Auto = 2,
}
