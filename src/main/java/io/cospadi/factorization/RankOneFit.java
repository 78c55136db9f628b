package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/**
 * Fits atoms and their codes one atom after the other: with {@code F = E[I] + c dᵀ}, d the atom and c its codes on the rows I
 * that use it, {@code c dᵀ} becomes the rank-1 matrix, d of unit norm, that approximates F best or nearly so.
 */
interface RankOneFit {
    /**
     * @param residual   E (d2, r) F32 = Y − C D, updated
     * @param dictionary D (k, r) F32, updated; an atom that no row uses stays
     * @param codes      C (d2, k) F32, updated where they are not 0
     */
    void fit(Matrix residual, Matrix dictionary, Matrix codes);

    /**
     * Power iterations on FᵀF from the atom in hand: {@code d <- FᵀF d / ‖FᵀF d‖}. Each cannot make the fit worse; the paper's
     * 8 come near the exact fit. Cost {@code (4 iterations + 6) n r} for an atom of n users.
     *
     * @param s codes of a row, at most; as many are counted
     */
    static RankOneFit power(Backend backend, Effort effort, int s, int iterations) {
        return (residual, dictionary, codes) -> {
            backend.updateAtoms(residual, dictionary, codes, s, iterations);
            effort.count((4.0 * iterations + 6) * codes.rows() * s * residual.cols());
        };
    }

    /**
     * The exact fit: the leading eigenvector of the smaller of FᵀF and FFᵀ, in f64, about {@code 9 min(n, r)³} operations; where verbs
     * are queued for a device, that of FᵀF ({@link MaskedRankOneFit}), so that the host need not know n.
     */
    static RankOneFit exact(Backend backend, Effort effort) {
        return backend.queuesAhead() ? new MaskedRankOneFit(backend, effort) : gathered(backend, effort);
    }

    private static RankOneFit gathered(Backend backend, Effort effort) {
        return (residual, dictionary, codes) -> {
            int[][] users = backend.rowsUsing(codes);
            for (int i = 0; i < users.length; i++) {
                int[] rows = users[i];
                if (rows.length == 0) {
                    continue;
                }
                try (Scratch scratch = new Scratch(backend)) {
                    Matrix atom = dictionary.rows(i, 1);
                    Matrix error = scratch.f32(rows.length, residual.cols());
                    Matrix values = scratch.f32(1, rows.length);
                    backend.gatherRows(residual, rows, error);
                    backend.gatherColumn(codes, i, rows, values);
                    effort.gemm(1, values, true, atom, false, 1, error);
                    fitExactly(backend, effort, error, atom, values);
                    effort.gemm(-1, values, true, atom, false, 1, error);
                    backend.scatterRows(error, rows, residual);
                    backend.scatterColumn(values, rows, codes, i);
                }
            }
        };
    }

    /** From F (n, r) the atom d (1, r) and the values c (1, n). */
    private static void fitExactly(Backend backend, Effort effort, Matrix error, Matrix atom, Matrix values) {
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
    }
}
