using Umbra.Core.Api;
using Umbra.Core.Basics;

namespace Umbra.Controller.Fleet;

/// <content>The hosts' hardware.</content>
public sealed partial class FleetService
{
    /// <summary>What the host's agent last told of its hardware.</summary>
    public Outcome<HostHealthView> HealthOf(HostId name)
    {
        lock (_lock)
        {
            Enter();
            if (_fleet.Host(name) is not { } host) return NoHost(name);
            return new HostHealthView
            {
                Host = name,
                Health = host.Health,
                Bmc = host.Record.Bmc?.Address,
                Age = host.Health is null ? TimeSpan.Zero : _fleet.Now - host.HealthAt,
            };
        }
    }

    private static ApiProblem? WhyInvalid(HostHealth health)
    {
        if (health.Readers.Count > HostHealth.ReadersMax || health.Readings.Count > HostHealth.ReadingsMax
            || health.Events.Count > HostHealth.EventsMax)
        {
            return Problems.Invalid(
                $"a host's health has at most {HostHealth.ReadersMax} readers, {HostHealth.ReadingsMax} readings and "
                + $"{HostHealth.EventsMax} events");
        }

        IEnumerable<string> words =
        [
            .. health.Readers.SelectMany(static r => new[] { r.Name, r.Reason }),
            .. health.Readings.SelectMany(static r => new[]
            {
                r.Reader, r.Reading.Component, r.Reading.Quantity, r.Reading.Unit, r.Reading.Detail,
            }),
            .. health.Events.SelectMany(static e => new[] { e.Component, e.Source, e.Message }),
        ];
        return words.Any(static word => word.Length > TextMax)
            ? Problems.Invalid($"a text of a host's health has at most {TextMax} characters")
            : null;
    }
}
