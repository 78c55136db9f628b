package io.cospadi.gpu;

/** Launches of {@code attention.cu}: attention of many queries. */
public final class AttentionKernels {
    /** Columns of a head that the kernels can have. */
    public static final int MOST_HEAD_DIM = 256;

    private static final int TILE = 64;

    private final Launcher launcher;

    public AttentionKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    /**
     * Causal grouped-query attention: query i stands at position {@code first + i} and sees the key positions
     * {@code j <= first + i} that are nearer than {@code window}.
     *
     * @param queries (n, heads, headDim) f32, 16-byte aligned as all matrices
     * @param keys    (positions, kvHeads, headDim), {@code first + n <= positions}
     * @param values  as keys
     * @param out     as queries, apart from them
     * @param logSums (n, heads), becomes the logarithms of the softmax's denominators; 0 if nobody asks
     * @throws IllegalArgumentException if headDim or heads are beyond the kernel's limits
     */
    public void attention(
            long queries,
            long keys,
            long values,
            long out,
            long logSums,
            int n,
            int heads,
            int kvHeads,
            int headDim,
            int first,
            int window) {
        requireHeads(heads, kvHeads, headDim);
        if (n > 0) {
            int shared = 2 * tileBytes(TILE, headDim) + weightBytes(TILE);
            LaunchGeometry geometry = new LaunchGeometry((n + TILE - 1) / TILE, heads, 256, 1, shared);
            launcher.launch(
                    entry("attention", headDim),
                    geometry,
                    queries,
                    keys,
                    values,
                    out,
                    logSums,
                    n,
                    heads,
                    kvHeads,
                    headDim,
                    first,
                    window,
                    scale(headDim));
        }
    }

    static void requireHeads(int heads, int kvHeads, int headDim) {
        if (kvHeads < 1 || heads < kvHeads || heads % kvHeads != 0 || headDim < 1 || headDim > MOST_HEAD_DIM) {
            throw new IllegalArgumentException("attention needs heads, a multiple of kvHeads, of 1 to " + MOST_HEAD_DIM
                    + " columns, got heads=" + heads + ", kvHeads=" + kvHeads + ", headDim=" + headDim);
        }
    }

    static float scale(int headDim) {
        return (float) (1 / Math.sqrt(headDim));
    }

    /** The entry that serves so many columns a head. */
    static String entry(String name, int headDim) {
        return name + (headDim <= 64 ? "_64" : headDim <= 128 ? "_128" : "_256");
    }

    /** Bytes of a tile of {@code primitives/tiles.cuh}. */
    static int tileBytes(int rows, int headDim) {
        return Float.BYTES * rows * 4 * ((headDim + 3) / 4 | 1);
    }

    /** Bytes of the weights of a tile of {@code primitives/tiles.cuh}. */
    static int weightBytes(int rows) {
        return Float.BYTES * rows * (rows + 4);
    }
}
