namespace Umbra.Core.Sensors;

/// <summary>How much of what a connection sent in a second was lost on its way.</summary>
public static class SegmentLoss
{
    /// <summary>
    /// Fewer segments than this count as so many: one of ten sent again is no loss of a tenth, but one segment, which
    /// TCP sends again by mistake now and then.
    /// </summary>
    public const ulong SegmentsMin = 100;

    /// <summary>The part that had to be sent again; 0 to 1.</summary>
    /// <param name="sent">Segments sent, those that were sent again included.</param>
    /// <param name="again">Segments sent again.</param>
    public static double Of(ulong sent, ulong again) => Math.Min(1, (double)again / Math.Max(sent, SegmentsMin));
}
