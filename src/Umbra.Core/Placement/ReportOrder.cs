using Umbra.Core.Api;

namespace Umbra.Core.Placement;

/// <summary>
/// Tells which of one host's reports is news. They come late, twice and out of order: an abandoned request still
/// arrives, and what it tells is of the past.
/// </summary>
public sealed class ReportOrder
{
    /// <summary>
    /// Reports of an agent process that another one followed, or seemed to, that are taken for late ones. More of them
    /// show that it lives: what seemed to follow was a late report of one before it, which a controller that has just
    /// started cannot tell from a new one.
    /// </summary>
    public const int LateReportsMax = 8;

    private string _instance = "";
    private string _earlierInstance = "";
    private long _sequence;
    private int _earlierReports;
    private long _earlierSequence;

    /// <summary>Whether the heartbeat is newer than all before; late ones tell nothing new.</summary>
    public bool Accept(AgentHeartbeat heartbeat)
    {
        if (heartbeat.Instance == _earlierInstance && !LivesOn(heartbeat.Sequence)) return false;
        if (heartbeat.Instance == _instance)
        {
            if (heartbeat.Sequence <= _sequence) return false;
        }
        else
        {
            (_earlierInstance, _earlierSequence, _earlierReports) = (_instance, _sequence, 0);
            _instance = heartbeat.Instance;
        }

        _sequence = heartbeat.Sequence;
        return true;
    }

    private bool LivesOn(long sequence)
    {
        if (sequence <= _earlierSequence) return false;
        _earlierSequence = sequence;
        return ++_earlierReports > LateReportsMax;
    }
}
