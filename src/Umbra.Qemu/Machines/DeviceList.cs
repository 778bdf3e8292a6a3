using Umbra.Qemu.Qmp;

namespace Umbra.Qemu.Machines;

/// <summary>
/// The devices that a VM was given, by command line or by plugging: their ids (or QEMU's own names for those without)
/// and drivers. Two short questions, so that it can be compared before every epoch.
/// </summary>
public sealed class DeviceList : IEquatable<DeviceList>
{
    private static readonly QmpCommand<IReadOnlyList<QomProperty>> s_named = QmpCommands.QomList("/machine/peripheral");
    private static readonly QmpCommand<IReadOnlyList<QomProperty>> s_nameless =
        QmpCommands.QomList("/machine/peripheral-anon");

    private DeviceList(IEnumerable<QomProperty> named, IEnumerable<QomProperty> nameless)
    {
        Named = Devices(named);
        Nameless = Devices(nameless);
    }

    /// <summary>Id and driver of those with an id, in order of id.</summary>
    public IReadOnlyList<(string Id, string Driver)> Named { get; }

    /// <summary>QEMU's name and driver of those without an id, in order of name.</summary>
    public IReadOnlyList<(string Id, string Driver)> Nameless { get; }

    /// <summary>As the VM has them now.</summary>
    public static async Task<QmpOutcome<DeviceList>> ReadAsync(
        QmpSession monitor, TimeSpan deadline, CancellationToken cancel = default)
    {
        QmpOutcome<IReadOnlyList<QomProperty>> named = await monitor.ExecuteAsync(s_named, deadline, cancel);
        if (!named.IsOk) return named.As<DeviceList>();
        return Of(named, await monitor.ExecuteAsync(s_nameless, deadline, cancel));
    }

    /// <summary>As <see cref="ReadAsync"/>, on the calling thread.</summary>
    public static QmpOutcome<DeviceList> Read(QmpSession monitor, TimeSpan deadline)
    {
        QmpOutcome<IReadOnlyList<QomProperty>> named = monitor.Execute(s_named, deadline);
        return named.IsOk ? Of(named, monitor.Execute(s_nameless, deadline)) : named.As<DeviceList>();
    }

    /// <inheritdoc/>
    public bool Equals(DeviceList? other) =>
        other is not null && Named.SequenceEqual(other.Named) && Nameless.SequenceEqual(other.Nameless);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as DeviceList);

    /// <inheritdoc/>
    public override int GetHashCode() => Named.Count ^ Nameless.Count;

    private static QmpOutcome<DeviceList> Of(
        QmpOutcome<IReadOnlyList<QomProperty>> named, QmpOutcome<IReadOnlyList<QomProperty>> nameless) =>
        nameless.IsOk ? QmpOutcome.Ok(new DeviceList(named.Value, nameless.Value)) : nameless.As<DeviceList>();

    private static (string Id, string Driver)[] Devices(IEnumerable<QomProperty> properties) =>
    [
        .. properties.Where(p => p.Type.StartsWith("child<", StringComparison.Ordinal))
            .Select(p => (p.Name, p.Type[6..].TrimEnd('>')))
            .OrderBy(p => p.Name, StringComparer.Ordinal),
    ];
}
