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

    /**
     * {@code out (N, d2) <- x (N, d1) · W (+ bias)}, F32.
     *
     * @param x   (N, d1), read only
     * @param out (N, d2), overwritten; not x
     * @throws IllegalArgumentException if shapes disagree
     */
    void apply(Backend backend, Matrix x, Matrix out);

    /**
     * {@code out (N, d2) <- out + x (N, d1) · W (+ bias)}, F32.
     *
     * @param x   (N, d1), read only
     * @param out (N, d2), updated; not x
     * @throws IllegalArgumentException if shapes disagree
     */
    void applyAdding(Backend backend, Matrix x, Matrix out);

    /** Multiply-adds that one token costs, the bias aside. */
    long multiplyAdds();

    /** Bytes that this projection holds in the backend's memory; a one-token step reads each of them once. */
    long bytes();

    @Override
    void close();
}
