package io.cospadi.gpu;

/** Launches of {@code select.cu}: exact selection of the s largest of each row, alone and after a gradient step. */
public final class SelectKernels {
    /** Columns whose magnitudes fit into a block's shared memory beside what selection needs. */
    public static final int MOST_COLUMNS = 40_000;

    private final Launcher launcher;

    public SelectKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /**
     * Zeroes all but the s largest magnitudes of each row, ties to the lower column.
     *
     * @param matrix (rows, k) f32, updated
     * @throws IllegalArgumentException if s is not in 0 .. k, or k is more than {@value #MOST_COLUMNS}
     */
    public void keepLargest(long matrix, int rows, int k, int s) {
        requireLimits(k, s);
        if (rows > 0 && k > 0) {
            launcher.launch("keep_largest", geometry(rows, k), matrix, k, s);
        }
    }

    /**
     * One hard-thresholded gradient step with exact line search, row by row.
     *
     * @param codes     (rows, k) f32, updated
     * @param residual  as codes, read only
     * @param gradient  as codes, read only
     * @param curvature as codes, read only
     * @throws IllegalArgumentException if s is not in 0 .. k, or k is more than {@value #MOST_COLUMNS}
     */
    public void hardThresholdStep(long codes, long residual, long gradient, long curvature, int rows, int k, int s) {
        requireLimits(k, s);
        if (rows > 0 && k > 0) {
            launcher.launch("hard_threshold_step", geometry(rows, k), codes, residual, gradient, curvature, k, s);
        }
    }

    private static LaunchGeometry geometry(int rows, int k) {
        return LaunchGeometry.blocks(rows, Float.BYTES * k);
    }

    private static void requireLimits(int k, int s) {
        if (s < 0 || s > k) {
            throw new IllegalArgumentException("need 0 <= s <= k, got s=" + s + ", k=" + k);
        }
        if (k > MOST_COLUMNS) {
            throw new IllegalArgumentException(
                    "rows of " + k + " columns do not fit into shared memory, which holds " + MOST_COLUMNS);
        }
    }
}
