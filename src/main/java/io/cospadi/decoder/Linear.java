package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/**
 * One projection {@code y = x W + bias} of a decoder layer, however its weight is stored. The forward pass knows only this
 * type, so dense, sparsely factored and low-rank layers run through the same code.
 *
 * <p>The matrices handed to a constructor belong to the Linear from then on: closing it closes them.
 */
public sealed interface Linear extends AutoCloseable permits DenseLinear, SparseLinear, LowRankLinear {
    /** Input features. */
    int d1();

    /** Output features. */
    int d2();

    /** (1, d2) F32, or null; owned by this. */
    Matrix biasOrNull();

    /**
     * {@code out (N, d2) <- x (N, d1) · W}, or {@code out + x · W} if {@code add}, F32; the bias is left out.
     *
     * @param x   (N, d1), read only
     * @param out (N, d2), overwritten or updated; not x
     * @throws IllegalArgumentException if shapes disagree
     */
    void multiply(Backend backend, Matrix x, boolean add, Matrix out);

    /** {@code out (N, d2) <- x (N, d1) · W (+ bias)}; as {@link #multiply}. */
    default void apply(Backend backend, Matrix x, Matrix out) {
        multiply(backend, x, false, out);
        Bias.add(backend, biasOrNull(), out);
    }

    /** {@code out (N, d2) <- out + x (N, d1) · W (+ bias)}; as {@link #multiply}. */
    default void applyAdding(Backend backend, Matrix x, Matrix out) {
        multiply(backend, x, true, out);
        Bias.add(backend, biasOrNull(), out);
    }

    /** What the input meets first, (rows, d1), or null if it lies transposed. */
    Matrix inputWeight();

    /** Where {@code x · inputWeightᵀ} goes, (n, rows): an intermediate of this projection's own, or out itself. */
    Matrix between(Backend backend, int n, Matrix out);

    /** The rest of {@link #multiply}, once {@link #between} holds its product. */
    void finish(Backend backend, Matrix between, boolean add, Matrix out);

    /** Multiply-adds that one token costs, the bias aside. */
    long multiplyAdds();

    /** Bytes that this projection holds in the backend's memory; a one-token step reads each of them once. */
    long bytes();

    @Override
    void close();
}
