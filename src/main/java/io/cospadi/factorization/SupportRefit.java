package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/**
 * Least squares for the codes on the support they have, all rows at once: conjugate gradients on
 * {@code C M = B} with every direction masked to the support. Each step is one dense product with M; from codes that nearly
 * fit already a few steps are as good as a solve per row.
 *
 * @see "Blumensath, Davies: Gradient Pursuits, IEEE Trans. Signal Processing 56(6), 2008"
 */
final class SupportRefit {
    private SupportRefit() {}

    /**
     * Improves {@code codes} in place; the objective {@code tr(C M Cᵀ) − 2 tr(B Cᵀ)} never rises beyond rounding.
     *
     * @param gram         M (k, k) F32, read only
     * @param correlations B (d2, k) F32, read only
     * @param codes        C (d2, k) F32; its nonzeros are the support
     * @param steps        conjugate-gradient steps
     */
    static void refit(Backend backend, Effort effort, Matrix gram, Matrix correlations, Matrix codes, int steps) {
        int d2 = codes.rows();
        int k = codes.cols();
        try (Scratch scratch = new Scratch(backend)) {
            Matrix support = scratch.f32(d2, k);
            Matrix residual = scratch.f32(d2, k);
            Matrix direction = scratch.f32(d2, k);
            Matrix image = scratch.f32(d2, k);
            Matrix energy = scratch.f32(1, d2);

            backend.copy(codes, support);
            backend.copy(correlations, residual);
            effort.gemm(-1, codes, false, gram, false, 1, residual);
            backend.restrictTo(support, residual, residual);
            backend.copy(residual, direction);
            backend.rowDots(residual, residual, energy);
            for (int step = 0; step < steps; step++) {
                effort.gemm(1, direction, false, gram, false, 0, image);
                backend.conjugateGradientStep(support, image, codes, residual, direction, energy);
            }
        }
    }
}
