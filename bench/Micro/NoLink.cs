using Umbra.Core.Epochs;
using Umbra.Core.Protocol;

namespace Umbra.Bench.Micro;

/// <summary>A connection into nothing.</summary>
internal sealed class NoLink : IPairLink
{
    public bool HasRoom => true;

    public void Send(PairMessage message)
    {
    }
}
