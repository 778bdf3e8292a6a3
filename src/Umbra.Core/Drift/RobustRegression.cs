namespace Umbra.Core.Drift;

/// <summary>
/// Linear regression that outliers do not pull (Huber 1964, by iteratively reweighted least squares), with a ridge that
/// pulls the weights of weak regressors to zero.
/// </summary>
public static class RobustRegression
{
    // A residual beyond so many sigma counts as an outlier; the usual constant, 95 % efficient for normal noise.
    private const double HuberLimit = 1.345;
    private const int Rounds = 20;

    /// <summary>
    /// The weights that predict <paramref name="target"/> best from the rows of <paramref name="rows"/> (samples x
    /// regressors, row by row). Rows with anything unknown are left out. All zero where fewer rows than regressors are
    /// known.
    /// </summary>
    /// <param name="rows">Regressors, one sample after the other.</param>
    /// <param name="target">What to predict, one value a sample.</param>
    /// <param name="ridge">
    /// Pull to zero, as a share of one regressor of variance 1; the first, a constant, is free.
    /// </param>
    public static double[] Fit(ReadOnlySpan<double> rows, ReadOnlySpan<double> target, double ridge)
    {
        int width = target.IsEmpty ? 0 : rows.Length / target.Length;
        int[] known = KnownRows(rows, target, width);
        double[] weights = new double[width];
        if (known.Length <= width) return weights;
        double[] residuals = new double[known.Length];
        double limit = double.PositiveInfinity;
        for (int round = 0; round < Rounds; round++)
        {
            double[] normal = new double[width * width];
            double[] right = new double[width];
            Accumulate(rows, target, known, residuals, limit, normal, right);
            for (int i = 1; i < width; i++) normal[(i * width) + i] += ridge * known.Length;
            if (!Cholesky.TrySolve(normal, right)) return weights;
            weights = right;
            for (int i = 0; i < known.Length; i++)
                residuals[i] = target[known[i]] - Dot(rows.Slice(known[i] * width, width), weights);
            double spread = RobustStatistics.Spread(residuals, 0.1);
            if (spread == 0) return weights;
            limit = HuberLimit * spread;
        }

        return weights;
    }

    /// <summary>The sum of products.</summary>
    public static double Dot(ReadOnlySpan<double> left, ReadOnlySpan<double> right)
    {
        double sum = 0;
        for (int i = 0; i < right.Length; i++) sum += left[i] * right[i];
        return sum;
    }

    private static int[] KnownRows(ReadOnlySpan<double> rows, ReadOnlySpan<double> target, int width)
    {
        var known = new List<int>(target.Length);
        for (int i = 0; i < target.Length; i++)
        {
            bool isKnown = double.IsFinite(target[i]);
            foreach (double value in rows.Slice(i * width, width)) isKnown &= double.IsFinite(value);
            if (isKnown) known.Add(i);
        }

        return [.. known];
    }

    private static void Accumulate(
        ReadOnlySpan<double> rows, ReadOnlySpan<double> target, int[] known, double[] residuals, double limit,
        double[] normal, double[] right)
    {
        int width = right.Length;
        for (int i = 0; i < known.Length; i++)
        {
            double away = Math.Abs(residuals[i]);
            double weight = away <= limit ? 1 : limit / away;
            var row = rows.Slice(known[i] * width, width);
            for (int a = 0; a < width; a++)
            {
                double weighted = weight * row[a];
                right[a] += weighted * target[known[i]];
                for (int b = 0; b <= a; b++) normal[(a * width) + b] += weighted * row[b];
            }
        }
    }
}

/// <summary>Solves small symmetric positive definite systems.</summary>
internal static class Cholesky
{
    /// <summary>
    /// Solves in place: <paramref name="matrix"/> (its lower triangle counts) becomes its factor,
    /// <paramref name="right"/> the solution. False where the matrix is not positive definite.
    /// </summary>
    public static bool TrySolve(double[] matrix, double[] right)
    {
        int n = right.Length;
        for (int column = 0; column < n; column++)
        {
            for (int row = column; row < n; row++)
            {
                double sum = matrix[(row * n) + column];
                for (int k = 0; k < column; k++) sum -= matrix[(row * n) + k] * matrix[(column * n) + k];
                if (row > column) matrix[(row * n) + column] = sum / matrix[(column * n) + column];
                else if (sum <= 1e-12 || !double.IsFinite(sum)) return false;
                else matrix[(row * n) + row] = Math.Sqrt(sum);
            }
        }

        for (int row = 0; row < n; row++)
        {
            for (int k = 0; k < row; k++) right[row] -= matrix[(row * n) + k] * right[k];
            right[row] /= matrix[(row * n) + row];
        }

        for (int row = n - 1; row >= 0; row--)
        {
            for (int k = row + 1; k < n; k++) right[row] -= matrix[(k * n) + row] * right[k];
            right[row] /= matrix[(row * n) + row];
        }

        return true;
    }
}
