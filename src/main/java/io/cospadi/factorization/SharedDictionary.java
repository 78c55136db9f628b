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
     * @param steps      of conjugate gradients; those that can't improve on it leave it as it is, but for rounding
     * @param left       scalar, receives ‖residual‖ / ‖right side‖ of the equation in the preconditioner's norm, after the last step
     */
    void improve(Matrix codes, Matrix target, Matrix factor, Matrix dictionary, int steps, Matrix left) {
        int k = dictionary.rows();
        int n = dictionary.cols();
        int d2 = codes.rows() / metrics.size();
        DType type = dictionary.dtype();
        try (Scratch scratch = new Scratch(backend)) {
            Matrix[] usage = new Matrix[metrics.size()];
            Matrix residual = scratch.matrix(k, n, type);
            Matrix direction = scratch.matrix(k, n, type);
            Matrix image = scratch.matrix(k, n, type);
            Matrix product = scratch.matrix(k, n, type);
            Matrix right = scratch.f64(1, 1);
            Matrix energy = scratch.f64(1, 1);
            Matrix last = scratch.f64(1, 1);
            Matrix length = scratch.f64(1, 1);
            for (int l = 0; l < usage.length; l++) {
                usage[l] = scratch.matrix(k, k, type);
                Matrix block = codes.rows(l * d2, d2);
                effort.symmetricProduct(block, true, usage[l]);
                effort.gemm(1, block, true, target.rows(l * d2, d2), false, 0, product);
                effort.gemm(1, product, false, metrics.get(l), false, 1, residual);
            }
            precondition(residual, factor, product, right);
            apply(usage, dictionary, product, image);
            backend.axpy(-1, image, residual);
            precondition(residual, factor, product, energy);
            backend.copy(product, direction);
            for (int step = 0; step < steps; step++) {
                apply(usage, direction, product, image);
                // a quotient is 0 where its denominator is not positive: no step, and behind it a fresh direction
                backend.dot(direction, image, length);
                backend.ratio(energy, length, length);
                backend.axpy(length, direction, dictionary);
                backend.scale(-1, length);
                backend.axpy(length, image, residual);
                backend.copy(energy, last);
                precondition(residual, factor, product, energy);
                backend.ratio(energy, last, length);
                backend.scale(length, direction);
                backend.axpy(1, product, direction);
            }
            backend.ratio(energy, right, left);
            backend.power(left, 0.5, left);
        }
    }

    /** {@code image <- Σ_l usage_l · dictionary · G_l}. */
    private void apply(Matrix[] usage, Matrix dictionary, Matrix product, Matrix image) {
        for (int l = 0; l < usage.length; l++) {
            effort.gemm(1, usage[l], false, dictionary, false, 0, product);
            effort.gemm(1, product, false, metrics.get(l), false, l == 0 ? 0 : 1, image);
        }
    }

    /** {@code solved <- P⁻¹ residual, energy <- ⟨residual, solved⟩}. */
    private void precondition(Matrix residual, Matrix factor, Matrix solved, Matrix energy) {
        backend.copy(residual, solved);
        solveMean.accept(solved);
        effort.solveCholesky(factor, solved);
        backend.dot(residual, solved, energy);
    }
}
