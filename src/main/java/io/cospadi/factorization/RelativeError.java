package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;

/**
 * Relative functional error {@code tr((W−Ŵ) G (W−Ŵ)ᵀ) / tr(W G Wᵀ)}, the share of the output's energy on the calibration
 * data that the factors lose. All in f64: near a good fit it is a small difference of large numbers.
 */
public final class RelativeError {
    private RelativeError() {}

    /**
     * The error of rounded factors, {@code Ŵ = codes · dictionary} or {@code up · down}.
     *
     * @param problem W and the undamped G, read only
     * @return 0 where W G Wᵀ is 0 and the factors lose nothing; never negative
     */
    public static double of(Backend backend, Problem problem, Factors factors) {
        if (factors.d1() != problem.d1() || factors.d2() != problem.d2()) {
            throw new IllegalArgumentException(problem.name() + ": W is (" + problem.d2() + ", " + problem.d1()
                    + "), the factors stand for (" + factors.d2() + ", " + factors.d1() + ")");
        }
        try (Matrix left = left(backend, factors);
                Matrix right = right(backend, factors)) {
            return of(backend, problem, left, right);
        }
    }

    /**
     * The error of {@code Ŵ = left · right}.
     *
     * @param left  (d2, r) F32 or F64, read only
     * @param right (r, d1) F32 or F64, read only
     */
    static double of(Backend backend, Problem problem, Matrix left, Matrix right) {
        try (Matrix left64 = toF64(backend, left);
                Matrix right64 = toF64(backend, right);
                Matrix weight = toF64(backend, problem.weight());
                Matrix product = backend.allocate(problem.d2(), problem.d1(), DType.F64)) {
            backend.gemm(1, weight, false, problem.gram(), false, 0, product);
            double energy = backend.dot(weight, product);
            backend.gemm(-1, left64, false, right64, false, 1, weight);
            backend.gemm(1, weight, false, problem.gram(), false, 0, product);
            double lost = Math.max(0, backend.dot(weight, product));
            return lost == 0 ? 0 : lost / energy;
        }
    }

    /** tr(W G Wᵀ), both F64. */
    static double energy(Backend backend, Effort effort, Matrix weight, Matrix gram) {
        try (Matrix product = backend.allocate(weight.rows(), weight.cols(), DType.F64)) {
            effort.gemm(1, weight, false, gram, false, 0, product);
            return backend.dot(weight, product);
        }
    }

    private static Matrix toF64(Backend backend, Matrix matrix) {
        Matrix copy = backend.allocate(matrix.rows(), matrix.cols(), DType.F64);
        backend.copy(matrix, copy);
        return copy;
    }

    private static Matrix left(Backend backend, Factors factors) {
        if (factors instanceof LowRankFactors lowRank) {
            return StoredForm.upload(backend, lowRank.d2(), lowRank.r(), lowRank.up());
        }
        return StoredForm.upload(backend, ((SparseFactors) factors).codes());
    }

    private static Matrix right(Backend backend, Factors factors) {
        if (factors instanceof LowRankFactors lowRank) {
            return StoredForm.upload(backend, lowRank.r(), lowRank.d1(), lowRank.down());
        }
        SparseFactors sparse = (SparseFactors) factors;
        return StoredForm.upload(backend, sparse.codes().k(), sparse.d1(), sparse.dictionary());
    }
}
