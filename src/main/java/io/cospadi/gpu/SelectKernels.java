package io.cospadi.gpu;

import io.cospadi.tensor.CospadiException;

/**
 * Launches of {@code select.cu}: exact selection of the s largest of each row, or of the largest of every group of neighbours,
 * alone and after a gradient step.
 */
public final class SelectKernels {
    /** What the kernels share beside the row's magnitudes. */
    private static final int STATIC_SHARED_BYTES = 2 << 10;

    private final Launcher launcher;
    private final SharedMemoryLimit shared;

    /** @param mostShared bytes of shared memory that a block of the device can have */
    public SelectKernels(Launcher launcher, int mostShared) {
        this.launcher = launcher;
        shared = new SharedMemoryLimit(mostShared, STATIC_SHARED_BYTES);
    }

    /**
     * Zeroes all but the s largest magnitudes of each row, ties to the lower column.
     *
     * @param matrix (rows, k) f32, updated
     * @throws IllegalArgumentException if s is not in 0 .. k
     * @throws CospadiException         if a row doesn't fit into the shared memory of a block
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
     * @throws IllegalArgumentException if s is not in 0 .. k
     * @throws CospadiException         if a row doesn't fit into the shared memory of a block
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

    private LaunchGeometry geometry(int rows, int k) {
        return LaunchGeometry.blocks(rows, shared.require((long) Float.BYTES * k, "codes over k=" + k + " atoms"));
    }

    private static void requireLimits(int k, int s) {
        if (s < 0 || s > k) {
            throw new IllegalArgumentException("need 0 <= s <= k, got s=" + s + ", k=" + k);
        }
    }
}
