package io.cospadi.gpu;

/** Launches of {@code attention_gradient.cu}, after one of {@code attention.cu} that says what it needs about the softmax. */
public final class AttentionGradientKernels {
    private static final int WARPS = 8;

    private final Launcher launcher;
    private final AttentionKernels forward;

    public AttentionGradientKernels(Launcher launcher) {
        this.launcher = launcher;
        forward = new AttentionKernels(launcher);
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
     * @throws IllegalArgumentException if headDim or heads are beyond the kernel's limits
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
        int tiles = (n + tile - 1) / tile;
        int tileBytes = AttentionKernels.tileBytes(tile, headDim);
        int weightBytes = AttentionKernels.weightBytes(tile);
        float scale = AttentionKernels.scale(headDim);
        launcher.launch(
                AttentionKernels.entry("query_gradient", headDim),
                new LaunchGeometry(tiles, heads, 256, 1, 3 * tileBytes + weightBytes),
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
                AttentionKernels.entry("key_value_gradient", headDim),
                new LaunchGeometry(tiles, kvHeads, 256, 1, 4 * tileBytes + weightBytes),
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
