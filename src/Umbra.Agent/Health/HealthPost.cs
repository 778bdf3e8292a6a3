using Umbra.Core.Api;

namespace Umbra.Agent.Health;

/// <summary>
/// Decides with which heartbeats the host's health goes to the controller: soon after something is new, and now and
/// then anyway, as a controller that starts anew knows nothing.
/// </summary>
public sealed class HealthPost(HealthMonitor monitor, TimeProvider time)
{
    /// <summary>News waits this long for more.</summary>
    public static readonly TimeSpan SpacingMin = TimeSpan.FromSeconds(2);

    /// <summary>Told again after this even without news.</summary>
    public static readonly TimeSpan SpacingMax = TimeSpan.FromSeconds(15);

    private long? _sentAt;
    private long _sentVersion;
    private long _version;

    /// <summary>What the next heartbeat carries; null: nothing.</summary>
    public HostHealth? Due()
    {
        _version = monitor.Version;
        if (_sentAt is { } at)
        {
            TimeSpan age = time.GetElapsedTime(at);
            if (age < (_version == _sentVersion ? SpacingMax : SpacingMin)) return null;
        }

        return monitor.Current();
    }

    /// <summary>The controller has got what was due.</summary>
    public void Sent() => (_sentAt, _sentVersion) = (time.GetTimestamp(), _version);
}
