package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;

/**
 * What a projection would lose at several sizes, found quickly: the problem is whitened and decomposed once, and each size gets
 * the method's start and a few rounds, without a final fit. The figures steer a budget; they are a little above what the full
 * number of rounds reaches, at every size alike.
 *
 * <p>Sparse dictionaries are tried by {@link BlockSolver}'s rounds, whichever solver will make them in the end.
 */
public final class TrialFit implements AutoCloseable {
    /** Rounds of a trial; low-rank methods have none. */
    public static final int ROUNDS = 3;

    private final Backend backend;
    private final Effort effort;
    private final Problem problem;
    private final SolverSettings settings;
    private final Whitening whitening;

    /**
     * Prepares trials.
     *
     * @param problem outlives this
     * @param settings of the fit that is to be foretold; the rounds are this class's own
     */
    public TrialFit(Backend backend, Problem problem, SolverSettings settings) {
        this.backend = backend;
        this.problem = problem;
        this.settings = settings.withRounds(settings.method().lowRank() ? 0 : ROUNDS);
        effort = new Effort(backend);
        whitening = Whitening.of(backend, effort, problem);
    }

    /**
     * The output energy {@code Δ_j G Δ_jᵀ} that factors of a size lose at each output feature j; (d2), unweighted.
     *
     * @param k atoms, or the rank of a low-rank method
     * @param s codes a row; 0 for a low-rank method
     */
    public double[] lostEnergies(int k, int s) {
        return switch (settings.method()) {
            case COSPADI -> sparse(k, s);
            case COMPOT -> orthonormal(k, s);
            case SVD_LLM, BASIS_SHARING -> truncated(k);
            case ASVD, SVD -> fitted(k);
        };
    }

    private double[] sparse(int k, int s) {
        try (BlockState state = new BlockState(backend, effort, whitening.target(), k);
                Scratch scratch = new Scratch(backend)) {
            BlockStart.fill(backend, effort, whitening, state, s);
            new BlockSolver(settings).iterate(state, s, RoundListener.NONE);
            LeastSquaresDictionary.solve(
                    backend,
                    effort,
                    state.best(),
                    whitening.target(),
                    scratch.f32(k, k),
                    scratch.f32(1, k),
                    state.dictionary());
            return lost(state.best(), state.dictionary());
        }
    }

    private double[] orthonormal(int k, int s) {
        int atoms = Math.min(k, whitening.rank());
        int kept = Math.min(s, atoms);
        try (OrthonormalDictionary orthonormal = new OrthonormalDictionary(backend, effort, whitening, atoms)) {
            orthonormal.code(kept);
            for (int t = 0; t < ROUNDS; t++) {
                orthonormal.update();
                orthonormal.code(kept);
            }
            return lost(orthonormal.codes(), orthonormal.dictionary());
        }
    }

    private double[] truncated(int rank) {
        Matrix axes = whitening.principalAxes().axes().rows(0, Math.min(rank, whitening.rank()));
        try (Matrix codes = backend.allocate(problem.d2(), axes.rows(), DType.F32)) {
            effort.gemm(1, whitening.target(), false, axes, true, 0, codes);
            return lost(codes, axes);
        }
    }

    /** A truncation under another metric than G has no error to be read off; it costs no rounds either. */
    private double[] fitted(int rank) {
        Factors factors = Factorizer.of(settings)
                .factorize(backend, problem, rank, 0, RoundListener.NONE)
                .factors();
        return RelativeError.lostEnergies(backend, problem, factors);
    }

    /** From a fit in the whitened space. */
    private double[] lost(Matrix codes, Matrix dictionary) {
        try (Matrix residual = backend.allocate(problem.d2(), whitening.rank(), DType.F32);
                Matrix energies = backend.allocate(1, problem.d2(), DType.F32)) {
            backend.copy(whitening.target(), residual);
            effort.gemm(-1, codes, false, dictionary, false, 1, residual);
            backend.rowDots(residual, residual, energies);
            return whitening.outputEnergies(backend.readFloats(energies));
        }
    }

    @Override
    public void close() {
        whitening.close();
    }
}
