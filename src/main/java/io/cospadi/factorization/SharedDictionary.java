package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import java.util.List;
import java.util.function.Consumer;

/**
 * The best dictionary for fixed codes where each of m equal blocks of rows, with codes C_l and target Y_l, has its own metric
 * G_l: what minimises {@code Σ_l tr((Y_l − C_l D) G_l (Y_l − C_l D)ᵀ)} solves the generalised Sylvester equation
 *
 * <pre>
 *   Σ_l C_lᵀC_l D G_l = Σ_l C_lᵀ Y_l G_l
 * </pre>
 *
 * Conjugate gradients need its two sides only as products; the Kronecker system of k·n unknowns is never formed. They are
 * preconditioned by what the left side would be if all metrics were their mean Ḡ: {@code (Σ_l C_lᵀC_l)⁻¹ · Ḡ⁻¹}. One step costs
 * {@code 2 m (k² n + k n²) + 2 k² n} operations and the solve with Ḡ.
 */
final class SharedDictionary {
    private final Backend backend;
    private final Effort effort;
    private final List<Matrix> metrics;
    private final Consumer<Matrix> solveMean;

    /**
     * For metrics whose mean is the identity.
     *
     * @param metrics G_l (n, n), symmetric, read only; outlive this
     */
    SharedDictionary(Backend backend, Effort effort, List<Matrix> metrics) {
        this(backend, effort, metrics, residual -> {});
    }

    /** @param solveMean {@code R <- R Ḡ⁻¹} for R (k, n), in place */
    SharedDictionary(Backend backend, Effort effort, List<Matrix> metrics, Consumer<Matrix> solveMean) {
        this.backend = backend;
        this.effort = effort;
        this.metrics = metrics;
        this.solveMean = solveMean;
    }

    /**
     * Improves a dictionary; F32 or F64 throughout.
     *
     * @param codes      C (m d2, k), the blocks one after the other, read only
     * @param target     Y (m d2, n), likewise
     * @param factor     Cholesky factor of {@code CᵀC + λ I}, read only: what {@link LeastSquaresDictionary} leaves
     * @param dictionary D (k, n), updated; the atom of a row that no code uses stays
     * @param steps      of conjugate gradients
     * @return ‖residual‖ / ‖right side‖ of the equation in the preconditioner's norm, after the last step
     */
    double improve(Matrix codes, Matrix target, Matrix factor, Matrix dictionary, int steps) {
        int k = dictionary.rows();
        int n = dictionary.cols();
        int d2 = codes.rows() / metrics.size();
        DType type = dictionary.dtype();
        try (Scratch scratch = new Scratch(backend)) {
            Matrix[] usage = new Matrix[metrics.size()];
            Matrix residual = scratch.keep(backend.allocate(k, n, type));
            Matrix direction = scratch.keep(backend.allocate(k, n, type));
            Matrix image = scratch.keep(backend.allocate(k, n, type));
            Matrix product = scratch.keep(backend.allocate(k, n, type));
            double right;
            for (int l = 0; l < usage.length; l++) {
                usage[l] = scratch.keep(backend.allocate(k, k, type));
                Matrix block = codes.rows(l * d2, d2);
                effort.symmetricProduct(block, true, usage[l]);
                effort.gemm(1, block, true, target.rows(l * d2, d2), false, 0, product);
                effort.gemm(1, product, false, metrics.get(l), false, 1, residual);
            }
            right = preconditioned(residual, factor, product);
            apply(usage, dictionary, product, image);
            backend.axpy(-1, image, residual);
            double energy = preconditioned(residual, factor, product);
            backend.copy(product, direction);
            for (int step = 0; step < steps && energy > 0; step++) {
                apply(usage, direction, product, image);
                double curvature = backend.dot(direction, image);
                if (!(curvature > 0)) {
                    break;
                }
                backend.axpy(energy / curvature, direction, dictionary);
                backend.axpy(-energy / curvature, image, residual);
                double last = energy;
                energy = preconditioned(residual, factor, product);
                backend.scale(energy / last, direction);
                backend.axpy(1, product, direction);
            }
            return right > 0 ? Math.sqrt(Math.max(0, energy) / right) : 0;
        }
    }

    /** {@code image <- Σ_l usage_l · dictionary · G_l}. */
    private void apply(Matrix[] usage, Matrix dictionary, Matrix product, Matrix image) {
        for (int l = 0; l < usage.length; l++) {
            effort.gemm(1, usage[l], false, dictionary, false, 0, product);
            effort.gemm(1, product, false, metrics.get(l), false, l == 0 ? 0 : 1, image);
        }
    }

    /** {@code solved <- P⁻¹ residual}; returns ⟨residual, solved⟩. */
    private double preconditioned(Matrix residual, Matrix factor, Matrix solved) {
        backend.copy(residual, solved);
        solveMean.accept(solved);
        effort.solveCholesky(factor, solved);
        return backend.dot(residual, solved);
    }
}
