package io.cospadi.gpu;

import io.cospadi.tensor.CospadiException;

/** Launches of {@code omp.cu}: orthogonal matching pursuit in Gram space. */
public final class OmpKernels {
    /** What the kernel shares beside the row's state. */
    private static final int STATIC_SHARED_BYTES = 1024;

    private final Launcher launcher;
    private final SharedMemoryLimit shared;

    /** @param mostShared bytes of shared memory that a block of the device can have */
    public OmpKernels(Launcher launcher, int mostShared) {
        this.launcher = launcher;
        shared = new SharedMemoryLimit(mostShared, STATIC_SHARED_BYTES);
    }

    /**
     * Floats of scratch for a launch of so many blocks: each holds the correlations of all k atoms with s directions, and their
     * Cholesky factor. At k = 3657 and s = 1828 that is 33.4 MB a block. More than the device runs at once gains nothing.
     */
    public static long scratchFloats(int k, int s, int blocks) {
        long factor = (s * (s + 1L) / 2 + 3) / 4 * 4;
        return Math.multiplyExact(blocks, (long) s * pitch(k) + factor);
    }

    /**
     * Codes of every row by s steps of orthogonal matching pursuit; a row whose residual correlation vanishes stops there.
     *
     * @param gram         (k, k) f32, unit diagonal up to rounding; read only
     * @param correlations (rows, k) f32, of each signal with each atom; read only
     * @param codes        (rows, k) f32, overwritten
     * @param scratch      {@link #scratchFloats} f32 for {@code blocks}, 16-byte aligned
     * @param blocks       1 or more; the result does not depend on it
     * @throws IllegalArgumentException if s is not in 1 .. k
     * @throws CospadiException         if k and s ask for more shared memory than a block can have
     */
    public void pursue(long gram, long correlations, long codes, int rows, int k, int s, long scratch, int blocks) {
        if (s < 1 || s > k) {
            throw new IllegalArgumentException("need 1 <= s <= k, got s=" + s + ", k=" + k);
        }
        int bytes = sharedBytes(k, s);
        if (rows > 0) {
            // four columns a thread; a narrow dictionary needs no more warps than that
            int threads = Math.min(LaunchGeometry.THREADS, (k + 127) / 128 * 32);
            LaunchGeometry geometry = new LaunchGeometry(Math.min(rows, blocks), 1, threads, 1, bytes);
            launcher.launch("orthogonal_matching_pursuit", geometry, gram, correlations, codes, scratch, rows, k, s);
        }
    }

    /**
     * Bytes of shared memory that a block needs.
     *
     * @throws CospadiException if that is more than it can have
     */
    public int sharedBytes(int k, int s) {
        return shared.require(8L * (pitch(k) + s), "pursuits of s=" + s + " of k=" + k + " atoms");
    }

    /** Floats from one direction's correlations to the next. */
    private static long pitch(int k) {
        return (k + 3L) / 4 * 4;
    }
}
