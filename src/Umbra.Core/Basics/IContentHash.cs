namespace Umbra.Core.Basics;

/// <summary>
/// A fast 64-bit content hash, the same on both sides of a pair. The product uses XXH3-64 (Debian's libxxhash, bound in
/// Umbra.Linux). It guards against mistakes and bad hardware, not against an enemy: the link is authenticated by TLS.
/// </summary>
public interface IContentHash
{
    /// <summary>Hash of <paramref name="data"/> under <paramref name="seed"/>.</summary>
    ulong Hash(ReadOnlySpan<byte> data, ulong seed = 0);
}
