package io.cospadi.gpu;

/** Launches of {@code conjugate_gradient.cu}; matrices by address, f32. */
public final class ConjugateGradientKernels {
    /** Columns of which a block's shared memory holds two rows, beside what its sums need. */
    public static final int MOST_COLUMNS = 20_000;

    private final Launcher launcher;

    public ConjugateGradientKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /**
     * One step of conjugate gradients on {@code C M = B}, row by row, masked to the support.
     *
     * @param support   (rows, k), read only
     * @param image     direction M, (rows, k), read only
     * @param codes     (rows, k), updated
     * @param residual  (rows, k), 0 outside the support, updated
     * @param direction (rows, k), 0 outside the support, updated
     * @param energy    (rows), squared norms of the residual's rows, updated
     * @throws IllegalArgumentException if k is more than {@value #MOST_COLUMNS}
     */
    public void step(
            long support, long image, long codes, long residual, long direction, long energy, int rows, int k) {
        if (k > MOST_COLUMNS) {
            throw new IllegalArgumentException(
                    "rows of " + k + " columns do not fit into shared memory, which holds " + MOST_COLUMNS);
        }
        if (rows > 0) {
            launcher.launch(
                    "conjugate_gradient_step",
                    LaunchGeometry.blocks(rows, 2 * Float.BYTES * k),
                    support,
                    image,
                    codes,
                    residual,
                    direction,
                    energy,
                    k);
        }
    }
}
