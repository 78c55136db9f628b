package io.cospadi.factorization;

import io.cospadi.backend.Backend;

/** Replaces one projection by factors of a given size. Stateless: the same arguments give the same bits. */
public interface Factorizer {
    /** The factorizer that {@code settings} name. */
    static Factorizer of(SolverSettings settings) {
        return switch (settings.method()) {
            case COSPADI ->
                settings.solver() == Solver.BLOCK ? new BlockSolver(settings) : new AlternatingSolver(settings);
            case COMPOT -> new CompotSolver(settings);
            case SVD_LLM, ASVD, SVD, KFAC_SVD, ZERO_SUM_SVD, BASIS_SHARING -> new LowRankSolver(settings.method());
            case RTN, GPTQ -> new WeightRounding(settings);
        };
    }

    /**
     * Factors {@code problem}. Everything allocated on the backend is released before it returns.
     *
     * @param backend  computes
     * @param problem  W and G, read only
     * @param k        atoms, the rank of a low-rank method, or the bits of a rounded weight
     * @param s        nonzeros in each row of the codes, {@code 1 <= s <= k}; 0 where there are no codes
     * @param listener told after every round
     * @throws IllegalArgumentException if k or s is out of range for the method
     */
    Factorization factorize(Backend backend, Problem problem, int k, int s, RoundListener listener);
}
