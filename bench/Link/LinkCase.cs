using System.Globalization;

namespace Umbra.Bench.Link;

/// <summary>What goes over the connections of a case.</summary>
internal enum LinkKind
{
    /// <summary>Bytes from one buffer into another, without frames: what sockets alone can do.</summary>
    Copy,

    /// <summary>Frames of the pair protocol over bare TCP. No agent does that: it shows what TLS costs.</summary>
    Plain,

    /// <summary>Frames as agents send them: TLS 1.3, both ends authenticated.</summary>
    Tls,
}

/// <summary>One case: what goes over how many connections at a time.</summary>
internal readonly record struct LinkCase(LinkKind Kind, int Connections)
{
    /// <summary>Name in the report, and in what the ends are told.</summary>
    public string Name =>
        string.Create(CultureInfo.InvariantCulture, $"{Kind}-{Connections}").ToLowerInvariant();

    /// <summary>The case of that name; <see cref="ArgumentException"/> where there is none.</summary>
    public static LinkCase Parse(string name)
    {
        const int connectionsMax = 16;
        string[] parts = name.Split('-');
        if (parts.Length == 2 && Enum.TryParse(parts[0], ignoreCase: true, out LinkKind kind) && Enum.IsDefined(kind)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int connections)
            && connections is >= 1 and <= connectionsMax)
        {
            return new LinkCase(kind, connections);
        }

        throw new ArgumentException($"there is no case {name}: they are copy-N, plain-N, tls-N, N from 1 to 16");
    }
}
