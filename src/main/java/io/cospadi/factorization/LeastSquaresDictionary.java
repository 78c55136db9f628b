package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/**
 * The best dictionary for fixed codes, {@code D = (CᵀC + λ I)⁻¹ Cᵀ Y} with {@code λ = 1e-6 · mean diagonal of CᵀC}: the method
 * of optimal directions. G does not appear: with codes C, {@code D = (CᵀC)⁻¹ Cᵀ W} minimises {@code tr((W − C D) G (W − C D)ᵀ)}
 * for every G at once, so the same formula serves whitened and original weights.
 *
 * <p>Where rounding leaves {@code CᵀC + λ I} indefinite, λ becomes 100 times as large: {@link #solve} waits for the outcome and
 * tries again at once; in a loop over rounds {@link #attempt} does not wait, and {@link #orElse} keeps the last round's dictionary
 * in that case and raises λ for the rounds to come.
 *
 * @see "Engan, Aase, Husøy: Method of optimal directions for frame design, ICASSP 1999"
 */
final class LeastSquaresDictionary {
    /** λ's share of the mean diagonal. */
    static final double RIDGE = 1e-6;
    /** By which λ is raised where it was too small; beyond a share of 1 the codes are not finite. */
    static final double RAISE = 100;

    private final Backend backend;
    private final Effort effort;
    private final Matrix gram;
    private final MeanDiagonal usage;

    /** Scalars: λ's share of the mean diagonal, the same raised, λ, whether the last attempt failed. */
    private final Matrix ridge;

    private final Matrix raised;
    private final Matrix shift;
    private final Matrix failed;
    private final Matrix zero;

    /**
     * For k atoms in one type, F32 or F64.
     *
     * @param gram (k, k), overwritten by each solution with the factor of {@code CᵀC + λ I}; outlives this
     */
    LeastSquaresDictionary(Backend backend, Effort effort, Scratch scratch, Matrix gram) {
        this.backend = backend;
        this.effort = effort;
        this.gram = gram;
        usage = new MeanDiagonal(backend, scratch, gram.rows(), gram.dtype());
        ridge = scalar(scratch, RIDGE);
        raised = scalar(scratch, 0);
        shift = scalar(scratch, 0);
        failed = scalar(scratch, 0);
        zero = scalar(scratch, 0);
    }

    private Matrix scalar(Scratch scratch, double value) {
        Matrix scalar = scratch.f64(1, 1);
        backend.fill(scalar, value);
        return scalar;
    }

    /** Diagonal of CᵀC of the last codes, (1, k): 0 for an atom that no code uses. */
    Matrix usage() {
        return usage.diagonal();
    }

    /** Scalar: 0 where the last attempt succeeded, else 1. */
    Matrix failed() {
        return failed;
    }

    /** Attempts from now on have λ = share · mean diagonal. */
    void setRidge(double share) {
        backend.fill(ridge, share);
    }

    /**
     * Solves for the dictionary, and waits for the outcome.
     *
     * @param codes      C (d2, k), read only
     * @param target     Y (d2, n), read only
     * @param dictionary (k, n), overwritten; the row of an unused atom becomes 0
     * @throws ArithmeticException if CᵀC is not finite
     */
    void solve(Matrix codes, Matrix target, Matrix dictionary) {
        for (double share = RIDGE; share < 1; share *= RAISE) {
            setRidge(share);
            attempt(codes, target, dictionary);
            // a library may find nothing wrong with what is infinite
            if (backend.read(failed).value() == 0
                    && Double.isFinite(backend.read(shift).value())) {
                return;
            }
        }
        throw new ArithmeticException("the normal equations of " + codes.cols() + " atoms cannot be solved (shift "
                + backend.read(shift).value() + "): the codes are not finite");
    }

    /** The same once. */
    static void solve(Backend backend, Effort effort, Matrix codes, Matrix target, Matrix gram, Matrix dictionary) {
        try (Scratch scratch = new Scratch(backend)) {
            new LeastSquaresDictionary(backend, effort, scratch, gram).solve(codes, target, dictionary);
        }
    }

    /** Solves without waiting; what the dictionary and the factor are where that failed is undefined until {@link #orElse}. */
    void attempt(Matrix codes, Matrix target, Matrix dictionary) {
        effort.symmetricProduct(codes, true, gram);
        usage.of(gram, shift);
        backend.scale(ridge, shift);
        backend.addToDiagonal(gram, shift);
        effort.cholesky(gram, failed);
        effort.gemm(1, codes, true, target, false, 0, dictionary);
        effort.solveCholesky(gram, dictionary);
    }

    /**
     * Behind an attempt and whatever improved on it: where it failed, {@code dictionary <- last}, both (k, n), and later attempts
     * have a λ that is 100 times as large.
     */
    void orElse(Matrix last, Matrix dictionary) {
        backend.copyIfLess(zero, failed, last, dictionary);
        backend.copy(ridge, raised);
        backend.scale(RAISE, raised);
        backend.copyIfLess(zero, failed, raised, ridge);
    }
}
