package io.cospadi.gpu;

import io.cospadi.tensor.DType;

/**
 * Launches of {@code reductions.cu}: sums of products, in f64, in an order that the number of elements alone decides. Matrices of
 * F32 or F64, row-major and dense, by address.
 */
public final class ReductionKernels {
    /** Doubles of scratch that {@link #dot} needs, whatever the size of the matrix. */
    public static final int SCRATCH_DOUBLES = LaunchGeometry.MOST_BLOCKS_OF_A_LINE;

    private final Launcher launcher;

    public ReductionKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /**
     * {@code out <- sum of x · y}, 0 for no elements.
     *
     * @param scratch {@link #SCRATCH_DOUBLES} f64, overwritten
     * @param out     one f64, overwritten
     */
    public void dot(DType type, long x, long y, long count, long scratch, long out) {
        int blocks = 0;
        if (count > 0) {
            LaunchGeometry line = LaunchGeometry.line(count);
            launcher.launch(Typed.kernel("dot", type), line, x, y, scratch, count);
            blocks = line.gridX();
        }
        launcher.launch("sum_partials", LaunchGeometry.blocks(1, 0), scratch, out, blocks);
    }

    /** {@code out[i] <- sum over j of x[i,j] · y[i,j]}, rounded once to the type; out (rows). */
    public void rowDots(DType type, long x, long y, long out, int rows, int cols) {
        if (rows > 0) {
            launcher.launch(Typed.kernel("row_dots", type), LaunchGeometry.blocks(rows, 0), x, y, out, cols);
        }
    }

    /** The same of F32 matrices without the rounding, out F64. */
    public void rowDotsWide(long x, long y, long out, int rows, int cols) {
        if (rows > 0) {
            launcher.launch("row_dots_wide", LaunchGeometry.blocks(rows, 0), x, y, out, cols);
        }
    }
}
