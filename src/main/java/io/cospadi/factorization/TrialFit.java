package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;

/**
 * What a projection, or a group that shares a dictionary, would lose at several sizes, found quickly: the problem is whitened and
 * decomposed once, and each size gets the method's start and a few rounds, without a final fit unless the factors are stored in
 * fewer than 8 bits. The figures steer a budget; they are a little above what the full number of rounds reaches, at every size
 * alike.
 *
 * <p>Sparse dictionaries are tried by {@link BlockSolver}'s rounds, whichever solver will make them in the end.
 */
public final class TrialFit implements AutoCloseable {
    /** Rounds of a trial; low-rank methods have none. */
    public static final int ROUNDS = 3;

    private final Backend backend;
    private final Effort effort;
    private final List<Problem> members;
    private final ShareObjective objective;
    private final SolverSettings settings;
    private final Scratch scratch;
    /** Of the member's output features, where its weights are full and its codes sparse; else null. */
    private OutputCorrelation correlation;
    /** The member alone, or the group's stacked weights. */
    private final Problem problem;

    private final Whitening whitening;
    /** Each member's Gram as the whitened space sees it; none for one alone. */
    private final List<Matrix> metrics;

    /**
     * Prepares trials.
     *
     * @param members   of one shape, which outlive this; one alone shares nothing
     * @param objective of a shared dictionary
     * @param settings  of the fit that is to be foretold; the rounds are this class's own
     */
    public TrialFit(Backend backend, List<Problem> members, ShareObjective objective, SolverSettings settings) {
        this.backend = backend;
        this.objective = objective;
        this.settings = settings.withRounds(settings.method().sparse() ? ROUNDS : 0);
        effort = new Effort(backend);
        scratch = new Scratch(backend);
        try {
            boolean shared = members.size() > 1;
            Problem first = members.get(0);
            boolean coupled = !settings.method().lowRank() && first.outputs().isFull();
            correlation = coupled ? first.outputs().correlation(backend, scratch) : null;
            this.members = coupled ? List.of(first.with(first.outputs().separable(backend))) : members;
            problem = shared ? GroupFactorizer.stacked(backend, members, scratch) : this.members.get(0);
            whitening = shared
                    ? Whitening.byInputs(backend, effort, scratch, problem)
                    : Whitening.of(backend, effort, scratch, problem);
            metrics = shared ? BlockSolver.metrics(whitening, members, scratch) : List.of();
        } catch (RuntimeException | Error e) {
            scratch.close();
            throw e;
        }
    }

    /** Prepares trials of one projection. */
    public TrialFit(Backend backend, Problem problem, SolverSettings settings) {
        this(backend, List.of(problem), ShareObjective.MEAN, settings);
    }

    /**
     * What factors of a size lose.
     *
     * @param energies  the output energy {@code Δ_j G Δ_jᵀ} at each output feature j, under the Gram of the member that it
     *                  belongs to; (d2) of each member, one after the other, unweighted
     * @param objective {@code tr(H Δ G Δᵀ)}, as the problems' own output weights count it
     */
    public record Lost(double[] energies, double objective) {}

    /**
     * Fits factors of a size.
     *
     * @param k atoms, or the rank of a low-rank method
     * @param s codes a row; 0 for a low-rank method
     * @param listener told when all is queued, of no round
     */
    public Lost lost(int k, int s, RoundListener listener) {
        if (settings.precision().isBelow8Bits()) {
            return stored(k, s, listener);
        }
        return switch (settings.method()) {
            case COSPADI -> sparse(k, s, listener);
            case COMPOT -> orthonormal(k, s, listener);
            case SVD_LLM, KFAC_SVD, ZERO_SUM_SVD, BASIS_SHARING -> truncated(k, listener);
            case ASVD, SVD, RTN, GPTQ -> stored(k, s, listener);
        };
    }

    /** The same for nobody. */
    Lost lost(int k, int s) {
        return lost(k, s, RoundListener.NONE);
    }

    private Lost sparse(int k, int s, RoundListener listener) {
        List<Matrix> own = objective == ShareObjective.EXACT ? metrics : List.of();
        try (Scratch trial = new Scratch(backend)) {
            BlockState state = new BlockState(backend, effort, trial, whitening.target(), k, own, correlation);
            Sparsity sparsity = Sparsity.of(k, s, settings.groups());
            BlockStart.fill(backend, effort, whitening, state, sparsity);
            new BlockSolver(settings).iterate(state, sparsity, RoundListener.NONE);
            return lost(state.best(), state.bestDictionary(), listener);
        }
    }

    private Lost orthonormal(int k, int s, RoundListener listener) {
        int atoms = Math.min(k, whitening.rank());
        try (Scratch trial = new Scratch(backend)) {
            OrthonormalDictionary orthonormal = new OrthonormalDictionary(
                    backend, effort, trial, whitening, atoms, Sparsity.of(k, s, settings.groups()));
            orthonormal.code();
            for (int t = 0; t < ROUNDS; t++) {
                orthonormal.update();
                orthonormal.code();
            }
            orthonormal.complete();
            return lost(orthonormal.codes(), orthonormal.dictionary(), listener);
        }
    }

    private Lost truncated(int rank, RoundListener listener) {
        Matrix axes = whitening.principalAxes().axes().rows(0, Math.min(rank, whitening.rank()));
        try (Matrix codes = backend.allocate(problem.d2(), axes.rows(), DType.F32)) {
            effort.gemm(1, whitening.target(), false, axes, true, 0, codes);
            return lost(codes, axes, listener);
        }
    }

    /**
     * By the stored factors themselves: a truncation under another metric than G has no error to be read off and costs no rounds,
     * and rounding to few bits loses as much as the fit.
     */
    private Lost stored(int k, int s, RoundListener listener) {
        List<Factorization> parts = new GroupFactorizer(settings, objective)
                .factorize(backend, members, k, s, RoundListener.whenQueued(listener::queued));
        DoubleStream energies = DoubleStream.empty();
        for (int l = 0; l < members.size(); l++) {
            Factors own = parts.get(l).factors();
            energies = DoubleStream.concat(
                    energies, Arrays.stream(RelativeError.lostEnergies(backend, members.get(l), own)));
        }
        double[] lost = energies.toArray();
        return new Lost(lost, problem.outputs().weigh(lost));
    }

    /** From a fit in the whitened space. */
    private Lost lost(Matrix codes, Matrix dictionary, RoundListener listener) {
        try (Matrix residual = backend.allocate(problem.d2(), whitening.rank(), DType.F32)) {
            backend.copy(whitening.target(), residual);
            effort.gemm(-1, codes, false, dictionary, false, 1, residual);
            backend.scale(1 / whitening.scale(), residual);
            listener.queued();
            OutputWeights.Energies energies = metrics.isEmpty()
                    ? problem.outputs().energies(backend, residual)
                    : problem.outputs().separated(rowEnergies(residual));
            return new Lost(
                    energies.plain(),
                    correlation == null ? energies.objective() : correlation.energy(effort, residual));
        }
    }

    /** Of each member's rows under its metric. */
    private double[] rowEnergies(Matrix residual) {
        int d2 = members.get(0).d2();
        try (Matrix image = backend.allocate(residual.rows(), residual.cols(), DType.F32);
                Matrix energies = backend.allocate(1, residual.rows(), DType.F32)) {
            for (int l = 0; l < metrics.size(); l++) {
                effort.gemm(1, residual.rows(l * d2, d2), false, metrics.get(l), false, 0, image.rows(l * d2, d2));
            }
            backend.rowDots(residual, image, energies);
            float[] narrow = backend.readFloats(energies);
            double[] wide = new double[narrow.length];
            Arrays.setAll(wide, j -> narrow[j]);
            return wide;
        }
    }

    @Override
    public void close() {
        scratch.close();
    }
}
