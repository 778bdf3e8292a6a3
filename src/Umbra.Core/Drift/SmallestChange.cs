namespace Umbra.Core.Drift;

/// <summary>
/// How much a KPI has to change before it matters. A calibration that saw less than that for a while must not make
/// ordinary life look like drift.
/// </summary>
/// <param name="Absolute">In the KPI's unit; 0 or more.</param>
/// <param name="Relative">Part of the typical value; 0 or more. The larger of the two counts.</param>
public readonly record struct SmallestChange(double Absolute, double Relative)
{
    /// <summary>Nothing is known of the KPI: any change matters.</summary>
    public static SmallestChange Any => default;

    /// <summary>The change around a typical value, in the KPI's unit.</summary>
    public double At(double typical) => Math.Max(Absolute, Relative * Math.Abs(typical));
}
