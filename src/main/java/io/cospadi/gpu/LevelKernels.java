package io.cospadi.gpu;

import io.cospadi.tensor.CospadiException;

/** Launches of {@code levels.cu}: rounding to levels of 3 to 8 bits; matrices by address, row-major and dense. */
public final class LevelKernels {
    /** Rows of {@link #roundWithFeedback}, at most. */
    public static final int MOST_ROWS = 64;

    private static final int MOST_GROUPS_DOWN = 1024;

    /** What {@link #roundOnSupport} shares beside the row's atoms. */
    private static final int STATIC_SHARED_BYTES = 1024;

    private final Launcher launcher;
    private final SharedMemoryLimit shared;

    /** @param mostShared bytes of shared memory that a block of the device can have */
    public LevelKernels(Launcher launcher, int mostShared) {
        this.launcher = launcher;
        shared = new SharedMemoryLimit(mostShared, STATIC_SHARED_BYTES);
    }

    /**
     * A scale for every {@code length} neighbours of each column.
     *
     * @param values (n, m) f64, read only
     * @param scales (groups, m) f32, overwritten
     * @param groups of a column, of which the last may have less than {@code length}, or nothing
     */
    public void chooseScales(long values, long scales, int n, int m, int length, int groups, int bits) {
        if (groups > 0 && m > 0) {
            LaunchGeometry geometry = new LaunchGeometry(
                    (m - 1) / LaunchGeometry.WARPS + 1,
                    Math.min(groups, MOST_GROUPS_DOWN),
                    32,
                    LaunchGeometry.WARPS,
                    0);
            launcher.launch("choose_scales", geometry, values, scales, n, m, length, groups, bits);
        }
    }

    /**
     * Rounds columns from the last row to the first, what each row loses fed into those before it.
     *
     * @param values   (b, m) f64, become what is lost
     * @param wanted   (b, m) f64, read only
     * @param feedback (b, n) f64, read only: element (i, from + j) for j &lt; i
     * @param scales   (m) f32, read only
     * @param levels   (b, m) f32, overwritten
     * @throws IllegalArgumentException if b is more than {@value #MOST_ROWS}
     */
    public void roundWithFeedback(
            long values,
            long wanted,
            long feedback,
            long scales,
            long levels,
            int b,
            int m,
            int n,
            int from,
            int bits) {
        if (b > MOST_ROWS) {
            throw new IllegalArgumentException("at most " + MOST_ROWS + " rows are rounded at once, not " + b);
        }
        if (b > 0 && m > 0) {
            LaunchGeometry geometry = new LaunchGeometry((m - 1) / 32 + 1, 1, 32, LaunchGeometry.WARPS, 0);
            launcher.launch(
                    "round_with_feedback", geometry, values, wanted, feedback, scales, levels, b, m, n, from, bits);
        }
    }

    /**
     * Rounds codes on their support, by sweeps.
     *
     * @param gram      (k, k) f32, read only
     * @param support   (rows, k) f32, not 0 at s places of each row; read only
     * @param residuals (rows, k) f32, updated
     * @param codes     (rows, k) f32, updated
     * @param scales    (rows, ceil(s / length)) f32, overwritten
     * @throws CospadiException if s atoms don't fit into the shared memory of a block
     */
    public void roundOnSupport(
            long gram,
            long support,
            long residuals,
            long codes,
            long scales,
            int rows,
            int k,
            int s,
            int length,
            int bits) {
        int bytes = shared.require((long) Integer.BYTES * s, "codes of s=" + s + " atoms");
        if (rows > 0) {
            LaunchGeometry geometry =
                    LaunchGeometry.blocks(Math.min(rows, LaunchGeometry.MOST_BLOCKS_OF_A_LINE), bytes);
            int groups = (s - 1) / length + 1;
            launcher.launch(
                    "round_on_support",
                    geometry,
                    gram,
                    support,
                    residuals,
                    codes,
                    scales,
                    rows,
                    k,
                    s,
                    length,
                    groups,
                    bits);
        }
    }
}
