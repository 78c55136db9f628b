package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/**
 * The orthogonal polar factor {@code (A Aᵀ)^(−1/2) A} of matrices (k, r), k &lt;= r: the orthonormal rows nearest to A's, which
 * solve Procrustes' problem.
 */
sealed interface PolarFactor permits PolarByEigenvectors, PolarByProducts {
    /** For matrices of k rows, by what the backend is faster at. */
    static PolarFactor on(Backend backend, Effort effort, Scratch scratch, int k) {
        return backend.favoursProducts()
                ? new PolarByProducts(backend, effort, scratch, k)
                : new PolarByEigenvectors(backend, effort, scratch, k);
    }

    /**
     * Computes it where no singular value of A is below 1e-9 of the largest; without waiting for a device, where that takes products
     * alone. Directions that are weaker may come out shorter than 1 and are {@link #complete}'s.
     *
     * @param a     (k, r) F64 without a row of zeros, overwritten
     * @param polar (k, r) F64, overwritten; orthonormal rows to better than f32's precision
     * @throws ArithmeticException if A is not finite and this was noticed; {@link #complete} notices
     */
    void compute(Matrix a, Matrix polar);

    /**
     * Waits for what {@link #compute} left and brings up what it left short: directions that are not there in A, to working
     * precision, become any that are orthonormal to the others.
     *
     * @param polar (k, r) F64 as {@link #compute} left it, updated
     * @return whether anything was left to do
     * @throws ArithmeticException if A was not finite
     */
    boolean complete(Matrix polar);
}
