package io.cospadi.gpu;

/**
 * Launches of {@code select.cu}: exact selection of the s largest of each row, or of the largest of every group of neighbours,
 * alone and after a gradient step.
 */
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

    /**
     * Zeroes all but the largest magnitudes of every group of neighbouring columns, ties to the lower column.
     *
     * @param matrix (rows, k) f32, updated
     * @throws IllegalArgumentException if the group is not 1, 2, 4, 8, 16 or 32 columns, or kept is not in 0 .. group
     */
    public void keepLargestInGroups(long matrix, int rows, int k, int kept, int group) {
        requireGroups(kept, group);
        if (rows > 0 && k > 0) {
            launcher.launch("keep_largest_in_groups", LaunchGeometry.blocks(rows, 0), matrix, k, kept, group);
        }
    }

    /**
     * The step of {@link #hardThresholdStep} with that selection.
     *
     * @throws IllegalArgumentException if the group is not 1, 2, 4, 8, 16 or 32 columns, or kept is not in 0 .. group
     */
    public void hardThresholdStepInGroups(
            long codes, long residual, long gradient, long curvature, int rows, int k, int kept, int group) {
        requireGroups(kept, group);
        if (rows > 0 && k > 0) {
            launcher.launch(
                    "hard_threshold_step_in_groups",
                    LaunchGeometry.blocks(rows, 0),
                    codes,
                    residual,
                    gradient,
                    curvature,
                    k,
                    kept,
                    group);
        }
    }

    private static void requireGroups(int kept, int group) {
        if (group < 1 || group > 32 || Integer.bitCount(group) != 1 || kept < 0 || kept > group) {
            throw new IllegalArgumentException(
                    "need groups of 1, 2, 4, 8, 16 or 32 columns and 0 <= kept <= group, got kept=" + kept + ", group="
                            + group);
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
