package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/** Dictionary, codes and everything between them during the rounds of {@link BlockSolver}; its formulas, step by step. */
final class BlockState implements AutoCloseable {
    private final Backend backend;
    private final Effort effort;
    private final Matrix target;
    private final double energy;
    private final Scratch scratch;

    private final Matrix dictionary;
    private final Matrix codes;
    private final Matrix bestCodes;
    /** D' of the last round, in the scale of the atoms in hand. */
    private Matrix previous;
    /** Where the next D' goes. */
    private Matrix fitted;

    private final Matrix gram;
    private final Matrix residual;
    private final Matrix gradient;
    private final Matrix curvature;
    private final Matrix norms;
    private final Matrix factors;

    private double bestError = Double.POSITIVE_INFINITY;
    private int atomsReplaced;

    /**
     * @param target Y (d2, r) F32, outlives this
     * @param k      atoms
     */
    BlockState(Backend backend, Effort effort, Matrix target, int k) {
        this.backend = backend;
        this.effort = effort;
        this.target = target;
        energy = backend.dot(target, target);
        scratch = new Scratch(backend);
        int d2 = target.rows();
        dictionary = scratch.f32(k, target.cols());
        previous = scratch.f32(k, target.cols());
        fitted = scratch.f32(k, target.cols());
        codes = scratch.f32(d2, k);
        bestCodes = scratch.f32(d2, k);
        residual = scratch.f32(d2, k);
        gradient = scratch.f32(d2, k);
        curvature = scratch.f32(d2, k);
        gram = scratch.f32(k, k);
        norms = scratch.f32(1, k);
        factors = scratch.f32(1, k);
    }

    /** D (k, r), for the start to fill. */
    Matrix dictionary() {
        return dictionary;
    }

    /** C (d2, k), for the start to fill. */
    Matrix codes() {
        return codes;
    }

    int atoms() {
        return codes.cols();
    }

    /** Codes of the best iterate remembered. */
    Matrix best() {
        return bestCodes;
    }

    int atomsReplaced() {
        return atomsReplaced;
    }

    /** The start is filled in: from here D'_previous is its dictionary. */
    void begin() {
        backend.copy(dictionary, previous);
    }

    /**
     * Scales the atoms to unit norm and the codes inversely, then computes M = D Dᵀ and R = Y Dᵀ − C M.
     *
     * @return the relative error ‖Y − C D‖² / ‖Y‖², from ‖Y − C D‖² = ‖Y‖² − ⟨C, Y Dᵀ⟩ − ⟨C, R⟩
     */
    double correlate() {
        backend.rowDots(dictionary, dictionary, norms);
        backend.power(norms, 0.5, factors);
        backend.scaleColumns(codes, factors);
        backend.power(norms, -0.5, factors);
        backend.scaleRows(dictionary, factors);
        backend.scaleRows(previous, factors);
        effort.symmetricProduct(dictionary, false, gram);
        effort.gemm(1, target, false, dictionary, true, 0, residual);
        double explained = backend.dot(codes, residual);
        effort.gemm(-1, codes, false, gram, false, 1, residual);
        return Math.max(0, energy - explained - backend.dot(codes, residual)) / energy;
    }

    /** Remembers the codes in hand if no iterate was better. */
    void rememberIfBest(double error) {
        if (error < bestError) {
            bestError = error;
            backend.copy(codes, bestCodes);
        }
    }

    /** One hard-thresholded step that keeps {@code s} codes a row; needs {@link #correlate} first. */
    void code(int s) {
        backend.restrictTo(codes, residual, gradient);
        effort.gemm(1, gradient, false, gram, false, 0, curvature);
        backend.hardThresholdStep(codes, residual, gradient, curvature, s);
    }

    /** Least squares, dead atoms replaced, then {@code relaxation} times the way it moved on top. */
    void updateDictionary(double relaxation) {
        LeastSquaresDictionary.solve(backend, effort, codes, target, gram, norms, fitted);
        if (backend.smallest(norms) <= 0) {
            atomsReplaced += DeadAtoms.replace(backend, effort, target, codes, norms, fitted, previous);
        }
        backend.copy(fitted, dictionary);
        if (relaxation != 0) {
            backend.scale(1 + relaxation, dictionary);
            backend.axpy(-relaxation, previous, dictionary);
        }
        Matrix spare = previous;
        previous = fitted;
        fitted = spare;
    }

    @Override
    public void close() {
        scratch.close();
    }
}
