package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/**
 * Errors of an iterate of {@link BlockState}, each row's and the relative one of all, from what its correlations hold on the way:
 * {@code ‖y − c D‖² = ‖y‖² − ⟨c, D y⟩ − ⟨c, r⟩} for a row y with codes c and residual correlations r, in the metric of its block.
 * Rows that are coupled by K have the error of all in common, with K C in the place of C.
 */
final class BlockErrors {
    private final Backend backend;
    private final Matrix rowEnergies;
    private final Matrix rowErrors;
    private final Matrix ones;
    private final Matrix explained;
    private final boolean coupled;

    /** Scalars. */
    private final Matrix energy;

    private final Matrix error;
    private final Matrix part;
    private final Matrix zero;

    /**
     * @param rowEnergies ‖y‖² of every row in its block's metric, (1, d2) F64, read only, outlives this
     * @param rowErrors   (1, d2) F64 of the caller's, where the rows' errors go
     * @param mixedTarget Fᵀ Y (d2, r) for rows that are coupled by K = F Fᵀ; null: they are not
     */
    BlockErrors(Backend backend, Scratch scratch, Matrix rowEnergies, Matrix rowErrors, Matrix mixedTarget) {
        this.backend = backend;
        this.rowEnergies = rowEnergies;
        this.rowErrors = rowErrors;
        coupled = mixedTarget != null;
        ones = scratch.f64(1, rowEnergies.cols());
        backend.fill(ones, 1);
        explained = scratch.f64(1, rowEnergies.cols());
        energy = scratch.f64(1, 1);
        error = scratch.f64(1, 1);
        part = scratch.f64(1, 1);
        zero = scratch.f64(1, 1);
        if (coupled) {
            backend.dot(mixedTarget, mixedTarget, energy);
        } else {
            backend.dot(rowEnergies, ones, energy);
        }
    }

    /** The relative error after {@link #settle}, a scalar. */
    Matrix relative() {
        return error;
    }

    /** Begins with all of the energy. */
    void begin() {
        backend.copy(rowEnergies, rowErrors);
        backend.copy(energy, error);
    }

    /**
     * Takes off what the codes have in common with correlations: first those with the target, then those with the residual.
     *
     * @param mixed K C of rows that are coupled
     */
    void explain(Matrix codes, Matrix mixed, Matrix correlations) {
        backend.rowDots(codes, correlations, explained);
        backend.axpy(-1, explained, rowErrors);
        if (coupled) {
            backend.dot(mixed, correlations, part);
            backend.axpy(-1, part, error);
        }
    }

    /** Both are taken off. */
    void settle() {
        if (!coupled) {
            backend.dot(rowErrors, ones, error);
        }
        backend.copyIfLess(error, zero, zero, error); // by rounding
        backend.ratio(error, energy, error);
    }
}
