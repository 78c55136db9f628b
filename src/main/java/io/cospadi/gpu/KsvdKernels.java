package io.cospadi.gpu;

import io.cospadi.tensor.CospadiException;

/** Launches of {@code ksvd.cu}: K-SVD's update of one atom after the other by power iterations. */
public final class KsvdKernels {
    /** Columns of the residual that a block's threads hold. */
    public static final int MOST_COLUMNS = 16_384;

    private static final int COLUMNS_OF_A_THREAD = 8;
    private static final int MOST_THREADS = 1024;
    private static final int BLOCKS_OF_A_MULTIPROCESSOR = 2;
    private static final int FOLD = 32;

    /** What the kernels share beside the columns. */
    private static final int STATIC_SHARED_BYTES = 2 << 10;

    private final Launcher launcher;
    private final SharedMemoryLimit shared;
    private final int mostBlocks;

    /**
     * Of a device.
     *
     * @param mostShared bytes of shared memory that a block can have, {@link LaunchGeometry#LEAST_SHARED_BYTES} or more
     */
    public KsvdKernels(Launcher launcher, int multiprocessors, int mostShared) {
        this.launcher = launcher;
        shared = new SharedMemoryLimit(mostShared, STATIC_SHARED_BYTES);
        mostBlocks = BLOCKS_OF_A_MULTIPROCESSOR * multiprocessors;
    }

    /** Floats of scratch that an update works in. */
    public long scratchFloats(int cols) {
        return Math.addExact(2L * pitch(cols), Math.multiplyExact(mostBlocks, pitch(cols) + 4L));
    }

    /**
     * One atom d with its codes c on the rows I that use it: {@code F = E[I] + c dᵀ}, then {@code iterations} times
     * {@code d <- FᵀF d / ‖FᵀF d‖}, then {@code c <- F d} and {@code E[I] <- F − c dᵀ}.
     *
     * @param residual   E (d2, cols) f32, 16-byte aligned, updated
     * @param dictionary (k, cols) f32, 16-byte aligned; row {@code atom} is d, updated if I is not empty
     * @param codes      (d2, k) f32; column {@code atom} is c, updated on I
     * @param users      the rows that use each atom, as {@link SupportKernels#list} leaves them
     * @param starts     where each atom's begin, from {@link SupportKernels#locate}
     * @param iterations 1 or more
     * @param scratch    {@link #scratchFloats} f32, 16-byte aligned
     * @throws CospadiException if there are more than {@value #MOST_COLUMNS} columns
     */
    public void updateAtom(
            long residual,
            long dictionary,
            long codes,
            int d2,
            int cols,
            int k,
            int atom,
            long users,
            long starts,
            int iterations,
            long scratch) {
        if (cols > MOST_COLUMNS) {
            throw new CospadiException(
                    "K-SVD on a GPU updates atoms of at most " + MOST_COLUMNS + " input features, and these have "
                            + cols + "; use --solver block or ksvd-blocked, or --backend cpu");
        }
        boolean wide = cols > COLUMNS_OF_A_THREAD * MOST_THREADS;
        int columns = wide ? 2 * COLUMNS_OF_A_THREAD : COLUMNS_OF_A_THREAD;
        int rows = wide ? 1 : 4;
        int threads = ((cols - 1) / columns / 32 + 1) * 32;
        int blocks = Math.min(mostBlocks, (d2 - 1) / rows + 1);
        int bytes = Float.BYTES * columns * threads;
        // all but the wide ones always have room for both
        boolean both = shared.allows(2L * bytes);
        long own = dictionary + (long) Float.BYTES * atom * cols;
        long old = scratch;
        long direction = old + Float.BYTES * pitch(cols);
        long partials = direction + Float.BYTES * pitch(cols);
        LaunchGeometry passes = new LaunchGeometry(blocks, 1, threads, 1, bytes);
        LaunchGeometry folds = new LaunchGeometry((cols - 1) / FOLD + 1, 1, FOLD, FOLD, 0);
        for (int i = 0; i < iterations; i++) {
            boolean first = i == 0;
            launcher.launch(
                    wide ? "power_pass_wide" : "power_pass",
                    passes,
                    residual,
                    codes,
                    users,
                    starts,
                    cols,
                    k,
                    atom,
                    first ? own : old,
                    first ? own : direction,
                    first ? old : 0L,
                    partials);
            launcher.launch("power_fold", folds, partials, blocks, old, direction, cols);
        }
        launcher.launch(
                wide ? both ? "replace_atom_wide" : "replace_atom_wide_short" : "replace_atom",
                new LaunchGeometry(blocks, 1, threads, 1, both ? 2 * bytes : bytes),
                residual,
                codes,
                users,
                starts,
                cols,
                k,
                atom,
                old,
                direction,
                own);
    }

    private static long pitch(int cols) {
        return (cols + 3L) / 4 * 4;
    }
}
