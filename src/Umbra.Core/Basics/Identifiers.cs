namespace Umbra.Core.Basics;

/// <summary>A VM's name, unique in the fleet: 1-63 of <c>a-z 0-9 -</c>, starting with a letter or digit.</summary>
public readonly record struct VmId(string Value)
{
    /// <inheritdoc/>
    public override string ToString() => Value;
}

/// <summary>A host's name, unique in the fleet; same alphabet as <see cref="VmId"/>.</summary>
public readonly record struct HostId(string Value)
{
    /// <inheritdoc/>
    public override string ToString() => Value;
}

/// <summary>
/// Fencing token of one VM, raised by every swap and takeover. Whoever holds the newest generation may run the VM;
/// everything that carries an older one is refused.
/// </summary>
public readonly record struct Generation(ulong Value) : IComparable<Generation>
{
    /// <summary>No generation was ever given out.</summary>
    public static Generation None => default;

    /// <summary>The generation that follows this one.</summary>
    public Generation Next => new(checked(Value + 1));

    /// <inheritdoc/>
    public int CompareTo(Generation other) => Value.CompareTo(other.Value);

    /// <summary>Older than.</summary>
    public static bool operator <(Generation left, Generation right) => left.Value < right.Value;

    /// <summary>Newer than.</summary>
    public static bool operator >(Generation left, Generation right) => left.Value > right.Value;

    /// <summary>Older than or the same.</summary>
    public static bool operator <=(Generation left, Generation right) => left.Value <= right.Value;

    /// <summary>Newer than or the same.</summary>
    public static bool operator >=(Generation left, Generation right) => left.Value >= right.Value;

    /// <inheritdoc/>
    public override string ToString() => "g" + Value;
}

/// <summary>
/// Number of an epoch of one VM; strictly increasing along the VM's life, also across swaps. 0: none yet.
/// </summary>
public readonly record struct EpochNumber(ulong Value) : IComparable<EpochNumber>
{
    /// <summary>No epoch: what an empty shadow holds.</summary>
    public static EpochNumber None => default;

    /// <summary>The number that follows this one.</summary>
    public EpochNumber Next => new(checked(Value + 1));

    /// <inheritdoc/>
    public int CompareTo(EpochNumber other) => Value.CompareTo(other.Value);

    /// <summary>Earlier than.</summary>
    public static bool operator <(EpochNumber left, EpochNumber right) => left.Value < right.Value;

    /// <summary>Later than.</summary>
    public static bool operator >(EpochNumber left, EpochNumber right) => left.Value > right.Value;

    /// <summary>Earlier than or the same.</summary>
    public static bool operator <=(EpochNumber left, EpochNumber right) => left.Value <= right.Value;

    /// <summary>Later than or the same.</summary>
    public static bool operator >=(EpochNumber left, EpochNumber right) => left.Value >= right.Value;

    /// <inheritdoc/>
    public override string ToString() => "e" + Value;
}

/// <summary>The alphabet that names of VMs, hosts, disks and NICs share.</summary>
public static class Names
{
    /// <summary>Longest name, in characters.</summary>
    public const int LengthMax = 63;

    /// <summary>
    /// Whether <paramref name="text"/> is 1-63 of <c>a-z 0-9 -</c> and starts with a letter or digit.
    /// </summary>
    public static bool IsValid(string? text)
    {
        if (string.IsNullOrEmpty(text) || text.Length > LengthMax || text[0] == '-') return false;
        foreach (char c in text)
        {
            if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '-') return false;
        }

        return true;
    }
}
