package io.cospadi.gpu;

import io.cospadi.tensor.CospadiException;

/** Launches of {@code attention.cu}: attention of many queries. */
public final class AttentionKernels {
    /** Columns of a head that the kernels can have. */
    public static final int MOST_HEAD_DIM = 256;

    private static final int TILE = 64;

    private final Launcher launcher;
    private final int mostShared;

    /** @param mostShared bytes of shared memory that a block of the device can have */
    public AttentionKernels(Launcher launcher, int mostShared) {
        this.launcher = launcher;
        this.mostShared = mostShared;
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
     * @throws CospadiException         if headDim is more than {@value #MOST_HEAD_DIM}
     * @throws IllegalArgumentException if heads are no multiple of kvHeads
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
            AttentionTiling tiling = AttentionTiling.of("attention", 2, TILE, headDim, mostShared);
            launcher.launch(
                    tiling.kernel(),
                    tiling.geometry(n, heads),
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
        if (kvHeads < 1 || heads < kvHeads || heads % kvHeads != 0 || headDim < 1) {
            throw new IllegalArgumentException(
                    "attention needs heads, a multiple of kvHeads, of 1 column or more, got heads=" + heads
                            + ", kvHeads=" + kvHeads + ", headDim=" + headDim);
        }
        if (headDim > MOST_HEAD_DIM) {
            throw new CospadiException("attention on a GPU takes heads of at most " + MOST_HEAD_DIM
                    + " columns, and these have " + headDim + "; use --backend cpu");
        }
    }

    static float scale(int headDim) {
        return (float) (1 / Math.sqrt(headDim));
    }
}
