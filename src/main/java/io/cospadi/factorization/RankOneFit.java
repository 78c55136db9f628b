package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/** The rank-1 matrix {@code c dᵀ}, d of unit norm, that approximates F best or nearly so. */
interface RankOneFit {
    /**
     * @param error  F (n, r) F32, read only
     * @param atom   d (1, r) F32: a first guess of unit norm, then the result
     * @param values c (1, n) F32, receives F d
     */
    void fit(Matrix error, Matrix atom, Matrix values);

    /**
     * Power iterations on FᵀF from the atom in hand: {@code d <- FᵀF d / ‖FᵀF d‖}. Each cannot make the fit worse; the paper's
     * 8 come near the exact fit. Cost {@code (4 iterations + 2) n r}.
     */
    static RankOneFit power(Backend backend, Effort effort, int iterations) {
        return (error, atom, values) -> {
            try (Scratch scratch = new Scratch(backend)) {
                Matrix factor = scratch.f32(1, 1);
                for (int i = 0; i < iterations; i++) {
                    effort.gemm(1, atom, false, error, true, 0, values);
                    effort.gemm(1, values, false, error, false, 0, atom);
                    backend.rowDots(atom, atom, factor);
                    backend.power(factor, -0.5, factor);
                    backend.scaleRows(atom, factor);
                }
                effort.gemm(1, atom, false, error, true, 0, values);
            }
        };
    }

    /** The exact fit: the leading eigenvector of the smaller of FᵀF and FFᵀ, in f64. Cost about {@code 9 min(n, r)³}. */
    static RankOneFit exact(Backend backend, Effort effort) {
        return (error, atom, values) -> {
            int n = error.rows();
            int r = error.cols();
            int smaller = Math.min(n, r);
            try (Scratch scratch = new Scratch(backend)) {
                Matrix error64 = scratch.f64(error);
                Matrix gram = scratch.f64(smaller, smaller);
                Matrix factor = scratch.f32(1, 1);
                effort.symmetricProduct(error64, r <= n, gram);
                effort.eigenSymmetric(gram);
                Matrix leading = gram.rows(smaller - 1, 1);
                if (r <= n) {
                    backend.copy(leading, atom);
                } else {
                    backend.copy(leading, values);
                    effort.gemm(1, values, false, error, false, 0, atom);
                    backend.rowDots(atom, atom, factor);
                    backend.power(factor, -0.5, factor);
                    backend.scaleRows(atom, factor);
                }
                effort.gemm(1, atom, false, error, true, 0, values);
            }
        };
    }
}
