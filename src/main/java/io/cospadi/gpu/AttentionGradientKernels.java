package io.cospadi.gpu;

import io.cospadi.tensor.CospadiException;

/** Launches of {@code attention_gradient.cu}, after one of {@code attention.cu} that says what it needs about the softmax. */
public final class AttentionGradientKernels {
    private static final int WARPS = 8;

    private final Launcher launcher;
    private final int mostShared;
    private final AttentionKernels forward;

    /** @param mostShared bytes of shared memory that a block of the device can have */
    public AttentionGradientKernels(Launcher launcher, int mostShared) {
        this.launcher = launcher;
        this.mostShared = mostShared;
        forward = new AttentionKernels(launcher, mostShared);
    }

    /** Bytes that {@link #attentionGradient} needs: the output and two numbers for each query and head. */
    public static long scratchBytes(int n, int heads, int headDim) {
        return (long) Float.BYTES * n * heads * (headDim + 2);
    }

    /**
     * {@link AttentionKernels#attention} from position 0 on, differentiated.
     *
     * @param queries       (n, heads, headDim) f32, 16-byte aligned as all matrices
     * @param keys          (n, kvHeads, headDim)
     * @param values        as keys
     * @param gradient      at the output, as queries
     * @param queryGradient overwritten, as queries
     * @param keyGradient   overwritten, as keys
     * @param valueGradient overwritten, as keys
     * @param scratch       {@link #scratchBytes} bytes, 16-byte aligned
     * @throws CospadiException         if headDim is more than {@value AttentionKernels#MOST_HEAD_DIM}
     * @throws IllegalArgumentException if heads are no multiple of kvHeads
     */
    public void attentionGradient(
            long queries,
            long keys,
            long values,
            long gradient,
            long queryGradient,
            long keyGradient,
            long valueGradient,
            long scratch,
            int n,
            int heads,
            int kvHeads,
            int headDim,
            int window) {
        long rows = (long) n * heads;
        long logSums = scratch + Float.BYTES * rows * headDim;
        long deltas = logSums + Float.BYTES * rows;
        forward.attention(queries, keys, values, scratch, logSums, n, heads, kvHeads, headDim, 0, window);
        if (n == 0) {
            return;
        }
        int blocks = Math.toIntExact((rows + WARPS - 1) / WARPS);
        launcher.launch("attention_delta", LaunchGeometry.blocks(blocks, 0), scratch, gradient, deltas, headDim, rows);
        int tile = headDim <= 128 ? 64 : 32;
        AttentionTiling ofQueries = AttentionTiling.of("query_gradient", 3, tile, headDim, mostShared);
        AttentionTiling ofKeys = AttentionTiling.of("key_value_gradient", 4, tile, headDim, mostShared);
        float scale = AttentionKernels.scale(headDim);
        launcher.launch(
                ofQueries.kernel(),
                ofQueries.geometry(n, heads),
                queries,
                keys,
                values,
                gradient,
                logSums,
                deltas,
                queryGradient,
                n,
                heads,
                kvHeads,
                headDim,
                window,
                scale);
        launcher.launch(
                ofKeys.kernel(),
                ofKeys.geometry(n, kvHeads),
                queries,
                keys,
                values,
                gradient,
                logSums,
                deltas,
                keyGradient,
                valueGradient,
                n,
                heads,
                kvHeads,
                headDim,
                window,
                scale);
    }
}
