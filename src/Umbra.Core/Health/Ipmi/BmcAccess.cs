namespace Umbra.Core.Health.Ipmi;

/// <summary>How the controller reaches a host's BMC; kept in its store, and never shown with the password.</summary>
/// <param name="Address">As <see cref="IpmiEndpoint.TryParse"/> takes it.</param>
/// <param name="Password">The user's password there.</param>
public sealed record BmcAccess(string Address, string Password)
{
    /// <summary>Longest password that IPMI 2.0 has, bytes.</summary>
    public const int PasswordBytesMax = 20;

    /// <summary>Without the password: what is logged is read by many.</summary>
    public override string ToString() => Address;
}
