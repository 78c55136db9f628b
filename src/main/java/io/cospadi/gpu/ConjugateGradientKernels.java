package io.cospadi.gpu;

import io.cospadi.tensor.CospadiException;

/** Launches of {@code conjugate_gradient.cu}; matrices by address, f32. */
public final class ConjugateGradientKernels {
    /** What the kernels share beside rows, for their sums. */
    private static final int STATIC_SHARED_BYTES = 256;

    private final Launcher launcher;
    private final SharedMemoryLimit shared;

    /** @param mostShared bytes of shared memory that a block of the device can have */
    public ConjugateGradientKernels(Launcher launcher, int mostShared) {
        this.launcher = launcher;
        shared = new SharedMemoryLimit(mostShared, STATIC_SHARED_BYTES);
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
     * @throws CospadiException if a row doesn't fit into the shared memory of a block
     */
    public void step(
            long support, long image, long codes, long residual, long direction, long energy, int rows, int k) {
        long row = (long) Float.BYTES * k;
        boolean both = shared.allows(2 * row);
        int bytes = shared.require(both ? 2 * row : row, "codes over k=" + k + " atoms");
        if (rows > 0) {
            launcher.launch(
                    both ? "conjugate_gradient_step" : "conjugate_gradient_step_short",
                    LaunchGeometry.blocks(rows, bytes),
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
