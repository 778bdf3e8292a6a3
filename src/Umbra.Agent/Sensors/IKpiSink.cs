using Umbra.Core.Basics;
using Umbra.Core.Sensors;

namespace Umbra.Agent.Sensors;

/// <summary>Gets the KPIs of both hosts of a pair, second by second: where drift is looked for.</summary>
public interface IKpiSink
{
    /// <summary>
    /// A second is settled: in order for each VM, from any thread, never twice at the same time for one VM.
    /// </summary>
    void On(VmId vm, KpiPair pair);
}
