package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;

/** The mean of a symmetric matrix's diagonal, which a ridge is a share of; nothing waits for it. */
final class MeanDiagonal {
    private final Backend backend;
    private final Matrix diagonal;
    private final Matrix ones;
    private final Matrix one;
    private final Matrix least;

    /** Of matrices (n, n) of one type. */
    MeanDiagonal(Backend backend, Scratch scratch, int n, DType type) {
        this.backend = backend;
        diagonal = scratch.matrix(1, n, type);
        ones = scratch.matrix(1, n, type);
        one = scratch.f64(1, 1);
        least = scratch.f64(1, 1);
        backend.fill(ones, 1);
        backend.fill(one, 1);
        backend.fill(least, Double.MIN_NORMAL);
    }

    /** The last matrix's diagonal, (1, n). */
    Matrix diagonal() {
        return diagonal;
    }

    /** @param mean scalar, receives the matrix's, or 1 where that is 0 */
    void of(Matrix matrix, Matrix mean) {
        backend.diagonal(matrix, diagonal);
        backend.dot(diagonal, ones, mean);
        backend.scale(1.0 / matrix.rows(), mean);
        backend.copyIfLess(mean, least, one, mean);
    }
}
