package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import java.util.Arrays;

/**
 * Relative functional error {@code tr((W−Ŵ) G (W−Ŵ)ᵀ) / tr(W G Wᵀ)}, the share of the output's energy that is lost on the
 * text that G is of. All in f64: near a good fit it is a small difference of large numbers.
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
        return of(backend, problem, factors, outputEnergy(backend, problem));
    }

    /**
     * The same where the energy is known already.
     *
     * @param energy tr(W G Wᵀ)
     */
    static double of(Backend backend, Problem problem, Factors factors, double energy) {
        double lost = Arrays.stream(lostEnergies(backend, problem, factors)).sum();
        return share(lost, energy);
    }

    /** What the factors lose at each output feature: {@code Δ_j G Δ_jᵀ} for every row of Δ = W − Ŵ; (d2), never negative. */
    static double[] lostEnergies(Backend backend, Problem problem, Factors factors) {
        try (Scratch scratch = new Scratch(backend)) {
            Matrix lost = scratch.f64(problem.weight());
            subtract(backend, factors, lost);
            Matrix energies = scratch.f64(1, problem.d2());
            energies(backend, problem, lost, energies);
            return Arrays.stream(backend.readDoubles(energies))
                    .map(energy -> Math.max(0, energy))
                    .toArray();
        }
    }

    /** {@code energies (1, d2) F64 <- Δ_j G Δ_jᵀ} for every row of Δ (d2, d1) F64; rounding may leave one a little below 0. */
    static void energies(Backend backend, Problem problem, Matrix lost, Matrix energies) {
        try (Matrix product = backend.allocate(lost.rows(), lost.cols(), DType.F64)) {
            backend.gemm(1, lost, false, problem.gram(), false, 0, product);
            backend.rowDots(lost, product, energies);
        }
    }

    /**
     * The error of any approximation.
     *
     * @param problem W and the undamped G, read only
     * @param lost    Δ = W − Ŵ (d2, d1) F32, read only
     * @return as {@link #of(Backend, Problem, Factors)}
     */
    public static double of(Backend backend, Problem problem, Matrix lost) {
        return share(
                outputEnergy(backend, new Problem(problem.name(), lost, problem.gram())),
                outputEnergy(backend, problem));
    }

    /** Rounding may leave a small energy negative. */
    static double share(double lost, double energy) {
        return lost <= 0 ? 0 : lost / energy;
    }

    /** tr(W G Wᵀ). */
    private static double outputEnergy(Backend backend, Problem problem) {
        try (Scratch scratch = new Scratch(backend)) {
            Matrix weight = scratch.f64(problem.weight());
            Matrix product = scratch.f64(problem.d2(), problem.d1());
            backend.gemm(1, weight, false, problem.gram(), false, 0, product);
            return backend.dot(weight, product);
        }
    }

    /** {@code lost -= Ŵ}. */
    private static void subtract(Backend backend, Factors factors, Matrix lost) {
        if (factors instanceof RoundedWeight rounded) {
            try (Matrix weight = StoredForm.upload(
                    backend, rounded.d2(), rounded.d1(), rounded.levels().values())) {
                backend.axpy(-1, weight, lost);
            }
            return;
        }
        try (Matrix left = left(backend, factors);
                Matrix right = right(backend, factors)) {
            backend.gemm(-1, left, false, right, false, 1, lost);
        }
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
