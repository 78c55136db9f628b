package io.cospadi.gpu;

/** Launches of {@code row_gradients.cu}; matrices by address, f32. */
public final class RowGradientKernels {
    private static final int COLUMNS = 32;
    private static final int WARPS = 32;

    private final Launcher launcher;

    public RowGradientKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /**
     * {@link RmsNormKernels#rmsNorm} differentiated: the gradient at the output becomes the one at x.
     *
     * @param x        (groups, group), read only
     * @param weight   (group), read only
     * @param gradient as x, updated
     */
    public void rmsNormGradient(long x, long weight, double eps, long gradient, int groups, int group) {
        if (groups > 0) {
            launcher.launch("rms_norm_gradient", LaunchGeometry.blocks(groups, 0), x, weight, gradient, group, eps);
        }
    }

    /** {@link ElementwiseKernels#siluMultiply} differentiated: gate and up become their gradients, the gradient is read only. */
    public void siluMultiplyGradient(long gate, long up, long gradient, long count) {
        if (count > 0) {
            launcher.launch("silu_multiply_gradient", LaunchGeometry.line(count), gate, up, gradient, count);
        }
    }

    /**
     * {@code factors[i] <- min(1, clipping · median / √squares[i])}, the median that of the square roots.
     *
     * @param squares (count), read only
     * @param median  one f32, overwritten
     * @param factors (count), overwritten; may be squares
     */
    public void clippingFactors(long squares, double clipping, long median, long factors, int count) {
        if (count > 0) {
            LaunchGeometry line = LaunchGeometry.line(count);
            launcher.launch("median", line, squares, median, count);
            launcher.launch("clipping_factors", line, squares, median, clipping, factors, count);
        }
    }

    /**
     * {@code sums[j] += sum over i of (factors[i] · x[i,j])²}.
     *
     * @param x       (rows, cols), read only
     * @param factors (rows), read only
     * @param sums    (cols) f64, updated
     */
    public void addSquares(long x, long factors, long sums, int rows, int cols) {
        if (rows > 0 && cols > 0) {
            LaunchGeometry geometry = new LaunchGeometry((cols + COLUMNS - 1) / COLUMNS, 1, COLUMNS, WARPS, 0);
            launcher.launch("add_squares", geometry, x, factors, sums, rows, cols);
        }
    }
}
