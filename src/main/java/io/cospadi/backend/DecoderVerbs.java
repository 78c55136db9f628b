package io.cospadi.backend;

import java.util.List;

/** The operations of a Llama-family forward pass, all F32. N tokens are rows. */
public interface DecoderVerbs {
    /**
     * {@code out (N, d2) <- z (N, k) · codesᵀ}, or {@code out + z · codesᵀ}; the codes stay packed (for large N
     * a tile at a time is written out).
     *
     * @param add whether out is added to, or overwritten and not read
     */
    void multiplyCodes(Matrix z, SparseMatrix codes, boolean add, Matrix out);

    /** {@code out (N, d2) <- z (N, k) · codesᵀ}. */
    default void multiplyCodes(Matrix z, SparseMatrix codes, Matrix out) {
        multiplyCodes(z, codes, false, out);
    }

    /**
     * {@link #multiplyCodes} of each; where launches cost, a single token's products are one. Each out is apart from all z and from
     * the others.
     */
    default void multiplyCodes(List<Matrix> z, List<? extends SparseMatrix> codes, List<Matrix> out) {
        DecoderChecks.multiplyCodes(z, codes, out);
        for (int i = 0; i < codes.size(); i++) {
            multiplyCodes(z.get(i), codes.get(i), out.get(i));
        }
    }

    /**
     * {@code out[i] <- table[tokens[i]]}, exactly: the embedding of tokens that the host need not know.
     *
     * @param table  (vocabSize, d) F32 or BF16
     * @param tokens (N, 1) F64, each a row of the table, as {@link #argmax} leaves them
     * @param out    (N, d) F32
     */
    void embed(Matrix table, Matrix tokens, Matrix out);

    /**
     * {@code out (N, d2) <- x (N, d1) · (D S)}, or {@code out + x · (D S)}: what multiplying by the dictionary and then by the codes
     * gives, up to rounding, with W = D S made in F32, as many output features at a time as 66 MiB of scratch hold, on the host each
     * worker's.
     *
     * @param dictionary (k, d1), F32 or BF16
     * @param codes      (d2, k)
     * @param add        whether out is added to, or overwritten and not read
     */
    void multiplyRebuilt(Matrix x, Matrix dictionary, SparseMatrix codes, boolean add, Matrix out);

    /**
     * Root-mean-square normalisation of each group of {@code weight.cols()} neighbouring columns (the whole row, or one
     * head for q/k norm): {@code out = x / sqrt(mean(x²) + eps) · weight}; out may be x; cols a multiple of the weight's.
     */
    void rmsNorm(Matrix x, Matrix weight, double eps, Matrix out);

    /**
     * Rotary embedding in place, Hugging Face's half-split form: in each head, pair (j, j + headDim/2) of token i turns by
     * the angle whose cosine and sine are row {@code firstPosition + i} of the tables.
     *
     * @param x   (N, heads · headDim)
     * @param cos (positions, headDim / 2)
     * @param sin (positions, headDim / 2)
     */
    void rotate(Matrix x, Matrix cos, Matrix sin, int firstPosition);

    /**
     * Queries as {@link #rotate} turns them, in place; {@code keyCache[position + i] <- keys[i]} turned likewise, and
     * {@code valueCache[position + i] <- values[i]} as they are. What the keys hold afterwards is undefined. Queries, keys, values and
     * both caches are apart from each other.
     *
     * @param queries  (N, heads · headDim)
     * @param keys     (N, kvHeads · headDim), and so values
     * @param cos      (positions, headDim / 2), and so sin
     * @param keyCache (capacity, kvHeads · headDim), and so valueCache
     */
    void rotateAndAppend(
            Matrix queries,
            Matrix keys,
            Matrix values,
            Matrix cos,
            Matrix sin,
            Matrix keyCache,
            Matrix valueCache,
            int position);

    /**
     * Causal grouped-query attention. Query i stands at position {@code firstPosition + i} and attends to the key positions
     * j with {@code j <= position} and {@code position - j < window}; scores scaled by 1/sqrt(headDim).
     *
     * @param queries       (N, heads · headDim)
     * @param keys          (positions, kvHeads · headDim), rows 0 .. firstPosition + N - 1 are read
     * @param values        as keys
     * @param heads         query heads, a multiple of kvHeads
     * @param headDim       columns of one head
     * @param window        how far back a query sees, {@code >= 1}; Integer.MAX_VALUE for all
     * @param out           (N, heads · headDim), not queries
     */
    void attention(
            Matrix queries,
            Matrix keys,
            Matrix values,
            int heads,
            int headDim,
            int firstPosition,
            int window,
            Matrix out);

    /** {@code gate <- silu(gate) · up}, silu(x) = x / (1 + exp(-x)). */
    void siluMultiply(Matrix gate, Matrix up);

    /** Adds the (1, cols) bias to every row. */
    void addBias(Matrix x, Matrix bias);

    /** Each row becomes its log-softmax, in place. */
    void logSoftmax(Matrix logits);

    /**
     * Of each row the most likely columns stay whose probabilities first add up to {@code share} of the row's, equal ones from the
     * lowest on; all others become -infinity. Probabilities count in units of 2^-50.
     *
     * @param logProbabilities as {@link #logSoftmax} leaves them, updated
     * @param share            above 0, at most 1
     * @see <a href="https://arxiv.org/abs/1904.09751">nucleus sampling, section 3.1</a>
     */
    void keepNucleus(Matrix logProbabilities, double share);

    /** {@code losses[i] <- -logSoftmax(logits[i])[targets[i]]}, losses (rows, 1) F64; logits are read only. */
    void negativeLogLikelihood(Matrix logits, int[] targets, Matrix losses);

    /**
     * {@code divergences[i] <- sum over j of p (log p - log q)}, Kullback and Leibler's, of every row of two log-probability
     * matrices; divergences (rows, 1) F64.
     */
    void klDivergence(Matrix logP, Matrix logQ, Matrix divergences);

    /** {@code columns[i] <-} index of row i's largest entry, the lowest on ties; columns (rows, 1) F64. */
    void argmax(Matrix matrix, Matrix columns);
}
