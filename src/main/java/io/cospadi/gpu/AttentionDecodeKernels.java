package io.cospadi.gpu;

import io.cospadi.tensor.CospadiException;

/**
 * Launches of {@code attention_decode.cu}: attention of few queries over a cache. A launch serves every
 * position below the cache's capacity: {@code positionOffset} is the address of an int32 on the device that is added to the
 * position given here, or 0.
 */
public final class AttentionDecodeKernels {
    /** Up to this many queries this form is meant to be the faster one (not yet measured). */
    public static final int FEW_QUERIES = 8;

    private static final int CHUNK = 64;
    private static final int HEADS = 4;

    private final Launcher launcher;

    public AttentionDecodeKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    private static int chunks(int capacity) {
        return (capacity + CHUNK - 1) / CHUNK;
    }

    /** Bytes that {@link #attention} needs for its partial results. */
    public static long scratchBytes(int n, int heads, int headDim, int capacity) {
        return (long) Float.BYTES * n * heads * chunks(capacity) * (headDim + 2);
    }

    /**
     * As {@link AttentionKernels#attention}.
     *
     * @param scratch  {@link #scratchBytes} bytes, 16-byte aligned
     * @param capacity {@code first + *positionOffset + n <= capacity}, at most the positions of the cache
     * @throws CospadiException         if headDim is more than {@value AttentionKernels#MOST_HEAD_DIM}
     * @throws IllegalArgumentException if queries times heads are beyond the kernel's limits
     */
    public void attention(
            long queries,
            long keys,
            long values,
            long out,
            long scratch,
            long positionOffset,
            int n,
            int heads,
            int kvHeads,
            int headDim,
            int first,
            int window,
            int capacity) {
        AttentionKernels.requireHeads(heads, kvHeads, headDim);
        if (n == 0) {
            return;
        }
        int chunks = chunks(capacity);
        long highest = scratch + (long) Float.BYTES * n * heads * chunks * headDim;
        long totals = highest + (long) Float.BYTES * n * heads * chunks;
        int batches = (heads / kvHeads + HEADS - 1) / HEADS;
        launcher.launch(
                "attention_decode",
                new LaunchGeometry(chunks, Math.multiplyExact(n, kvHeads * batches), 128, 1, 0),
                queries,
                keys,
                values,
                scratch,
                highest,
                totals,
                positionOffset,
                heads,
                kvHeads,
                headDim,
                first,
                window,
                AttentionKernels.scale(headDim));
        launcher.launch(
                "attention_combine",
                new LaunchGeometry(n * heads, (headDim + 31) / 32, 256, 1, 0),
                scratch,
                highest,
                totals,
                out,
                positionOffset,
                heads,
                headDim,
                first,
                window,
                chunks);
    }
}
