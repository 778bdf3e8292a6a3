namespace Umbra.Lab.Degrading;

/// <summary>A host whose fan dies and whose processor gets hot, as its BMC tells.</summary>
/// <param name="host">The host; it has a BMC.</param>
public sealed class BmcDegradation(LabHost host) : Degradation
{
    private static readonly (int Fan, int Temperature)[] s_values = [(28, 80), (25, 88), (15, 92), (8, 101)];

    /// <inheritdoc/>
    public override string What =>
        "values of the host's BMC (ipmi_sim, a real IPMI server): a fan that dies, a hot processor, both made up";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Steps { get; } =
        [.. s_values.Select(static value => $"FAN1 {value.Fan * LabBmc.FanRpm} rpm, CPU Temp {value.Temperature} C")];

    /// <summary>A BMC is asked every 30 s.</summary>
    public override TimeSpan StepTime => TimeSpan.FromSeconds(35);

    /// <inheritdoc/>
    public override Task GoToAsync(int step) => SetAsync(s_values[step].Fan, s_values[step].Temperature);

    /// <inheritdoc/>
    public override Task UndoAsync() => SetAsync(LabBmc.FanWell, LabBmc.TemperatureWell);

    private async Task SetAsync(int fan, int temperature)
    {
        await host.Bmc!.SetFanAsync(fan);
        await host.Bmc.SetTemperatureAsync(temperature);
    }
}
