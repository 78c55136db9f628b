package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import java.util.List;

/**
 * The default solver: sparse coding by one hard-thresholded gradient step for all rows at once, the dictionary by least
 * squares, both warm-started from the last round. Every heavy operation is a dense product. With Y the whitened weight:
 *
 * <pre>
 *   scale atoms to unit norm, codes inversely
 *   M = D Dᵀ     R = Y Dᵀ − C M                       correlation of every atom with every residual
 *   g = R on the support of C,  step_i = ‖g_i‖² / (g_i M g_iᵀ)     exact line search, one per row
 *   C &lt;- keep the s_t largest |C + step · R| of each row, or of each group of its neighbouring atoms
 *   D' = (CᵀC + λI)⁻¹ Cᵀ Y,  D &lt;- D' + 0.5 (D' − D'_previous)       over-relaxed; not in the last rounds
 * </pre>
 *
 * Whitening costs one factorisation and makes each round cheaper than products with G would: M becomes a symmetric product,
 * and {@code Y Dᵀ} has only rank(W G^½) inner terms. It also loses half as many digits: the condition number of G^½ is the
 * root of G's. The iterates are those of the loop in the original space, and the dictionary that is stored is fitted to W
 * itself, without any inverse of G ({@link LeastSquaresDictionary}).
 *
 * <p>s_t is annealed ({@link Annealing}); an annealed round may raise the objective, so the result is the best s-sparse
 * iterate seen, the start included. One round costs {@code 2(2 r k d2 + 2 k² d2) + k² d2 + 3 r k² + k³/3} operations.
 */
final class BlockSolver implements Factorizer {
    private static final double OVER_RELAXATION = 0.5;
    /** Over-relaxation is off in this many last rounds, so that the last iterates are least-squares fits. */
    private static final int SETTLING_ROUNDS = 5;

    private final SolverSettings settings;

    BlockSolver(SolverSettings settings) {
        this.settings = settings;
    }

    @Override
    public Factorization factorize(Backend backend, Problem problem, int k, int s, RoundListener listener) {
        return factorize(backend, problem, List.of(problem), k, s, listener);
    }

    /**
     * Factors a group's stacked weights, each member under its own Gram; the start is the one under their mean.
     *
     * @param problem the stacked weights, with the mean of the Grams
     * @param members of one shape; their weights are the blocks of rows of {@code problem}'s
     */
    Factorization factorize(
            Backend backend, Problem problem, List<Problem> members, int k, int s, RoundListener listener) {
        new FactorShape(problem.d1(), problem.d2(), k, s); // checks k and s
        Sparsity sparsity = Sparsity.of(k, s, settings.groups());
        if (!problem.outputs().isFull()) {
            return factorize(backend, problem, members, null, k, sparsity, listener);
        }
        Problem separable = problem.with(problem.outputs().separable(backend));
        try (Scratch scratch = new Scratch(backend)) {
            OutputCorrelation correlation = problem.outputs().correlation(backend, scratch);
            return factorize(backend, separable, List.of(separable), correlation, k, sparsity, listener);
        }
    }

    private Factorization factorize(
            Backend backend,
            Problem problem,
            List<Problem> members,
            OutputCorrelation correlation,
            int k,
            Sparsity sparsity,
            RoundListener listener) {
        try (Effort effort = Effort.in("whitening", backend);
                Scratch scratch = new Scratch(backend)) {
            Whitening whitening = members.size() > 1
                    ? Whitening.byInputs(backend, effort, scratch, problem)
                    : Whitening.of(backend, effort, scratch, problem);
            Rounds rounds = rounds(backend, effort, whitening, members, correlation, k, sparsity, listener);
            effort.enter("final fit");
            FinalFit.Stored stored = FinalFit.ofCodes(
                    backend,
                    effort,
                    problem,
                    members,
                    correlation,
                    whitening,
                    scratch.keep(rounds.codes),
                    sparsity,
                    settings.precision(),
                    listener);
            return effort.factorization(stored, rounds.errors, rounds.atomsReplaced, whitening.rank());
        }
    }

    /** What is left of the rounds when their matrices are closed. */
    private record Rounds(Matrix codes, double[] errors, int atomsReplaced) {}

    private Rounds rounds(
            Backend backend,
            Effort effort,
            Whitening whitening,
            List<Problem> members,
            OutputCorrelation correlation,
            int k,
            Sparsity sparsity,
            RoundListener listener) {
        try (Scratch scratch = new Scratch(backend)) {
            List<Matrix> metrics = members.size() > 1 ? metrics(whitening, members, scratch) : List.of();
            BlockState state = new BlockState(backend, effort, scratch, whitening.target(), k, metrics, correlation);
            effort.enter("start");
            BlockStart.fill(backend, effort, whitening, state, sparsity);
            effort.enter("rounds");
            RoundHistory history = iterate(state, sparsity, listener);
            double[] errors = history.errors();
            int replaced = state.atomsReplaced();
            return new Rounds(state.takeBest(), errors, replaced);
        }
    }

    /** Each member's Gram as the whitened space sees it, F32. */
    static List<Matrix> metrics(Whitening whitening, List<Problem> members, Scratch scratch) {
        return members.stream()
                .map(member -> {
                    try (Matrix metric = whitening.whitened(member.gram())) {
                        return scratch.f32(metric);
                    }
                })
                .toList();
    }

    /**
     * All rounds, from the start that {@code state} holds; its best codes are the result. Without a tolerance no round waits for what
     * it computes ({@link RoundHistory}).
     */
    RoundHistory iterate(BlockState state, Sparsity sparsity, RoundListener listener) {
        int rounds = settings.rounds();
        Annealing annealing = sparsity.annealing(state.atoms(), rounds);
        RoundHistory history = new RoundHistory(state.backend(), rounds, settings.tolerance(), listener);
        state.correlate();
        state.rememberIfBest();
        for (int t = 0; t < rounds; t++) {
            int kept = annealing.support(t);
            state.code(sparsity, kept);
            state.updateDictionary(t < rounds - SETTLING_ROUNDS ? OVER_RELAXATION : 0);
            state.correlate();
            if (kept == sparsity.kept()) {
                state.rememberIfBest();
            }
            if (history.finished(state.error(), kept == sparsity.kept())) {
                break;
            }
        }
        history.settle();
        return history;
    }
}
