package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/**
 * Atoms that no code uses are dead storage: the rows of the target that are coded worst take their place, worst first, ties to the
 * lower row. Each of those rows is from now on coded by its own atom alone, exactly: so the atom lives, and the objective falls by
 * that row's error. Which rows those are, the last errors say that were looked at, those of the iterate in hand or of the one
 * before; to begin with, a row's error is all of its energy.
 */
final class DeadAtoms {
    private final Backend backend;
    private final Matrix target;
    private final Matrix rowErrors;
    private final Matrix replaced;

    /** @param target Y (d2, r) F32, read only; outlives this */
    DeadAtoms(Backend backend, Scratch scratch, Matrix target) {
        this.backend = backend;
        this.target = target;
        rowErrors = scratch.f64(1, target.rows());
        replaced = scratch.f64(1, 1);
        look(target);
    }

    /** ‖y_i − c_i D‖² of every row i, (1, d2) F64, for whoever knows them otherwise to update. */
    Matrix rowErrors() {
        return rowErrors;
    }

    /** The rows' errors from the residual Y − C D. */
    void look(Matrix residual) {
        backend.rowDots(residual, residual, rowErrors);
    }

    /** The same from the codes (d2, k0) and their dictionary (k0, r). */
    void look(Effort effort, Matrix codes, Matrix dictionary) {
        try (Matrix residual = backend.allocate(target.rows(), target.cols(), target.dtype())) {
            backend.copy(target, residual);
            effort.gemm(-1, codes, false, dictionary, false, 1, residual);
            look(residual);
        }
    }

    /**
     * Replaces the atoms whose usage is 0, as many as there are rows.
     *
     * @param usage      (1, k) F32, sums of squares of each atom's codes
     * @param codes      C (d2, k), updated
     * @param dictionary D (k, r), updated
     * @param previous   (k, r) that gets the new atoms too, or the dictionary once more
     */
    void replace(Matrix usage, Matrix codes, Matrix dictionary, Matrix previous) {
        backend.replaceUnused(usage, rowErrors, target, codes, dictionary, previous, replaced);
    }

    /** The same in one dictionary, by the usage that the codes show. */
    void replace(Matrix codes, Matrix dictionary) {
        try (Scratch own = new Scratch(backend)) {
            Matrix ones = own.f32(1, codes.rows());
            Matrix squares = own.f64(1, codes.cols());
            backend.fill(ones, 1);
            backend.addSquares(codes, ones, squares);
            replace(own.f32(squares), codes, dictionary, dictionary);
        }
    }

    /** All that were replaced; waits for the device. */
    int replaced() {
        return (int) backend.read(replaced).value();
    }
}
