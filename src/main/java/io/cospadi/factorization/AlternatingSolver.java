package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.MaskGroups;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * The paper's alternation on the whitened weight Y: batched orthogonal matching pursuit with exactly s codes a row (or, if
 * chosen, the {@link StagedPursuit}), then a dictionary update, K-SVD with power iterations (the paper's choice), with exact
 * rank-1 fits or by blocks, or MOD. It starts from k
 * random rows of Y. A round may raise the objective, since the pursuit starts afresh; the result is the best iterate. Its
 * dictionary is fitted to its codes once more in the end, as with every solver ({@link FinalFit}).
 *
 * @see <a href="https://arxiv.org/abs/2509.22075">CoSpaDi, sections 3 and 4</a>
 */
final class AlternatingSolver implements Factorizer {
    private final SolverSettings settings;

    AlternatingSolver(SolverSettings settings) {
        this.settings = settings;
    }

    @Override
    public Factorization factorize(Backend backend, Problem problem, int k, int s, RoundListener listener) {
        new FactorShape(problem.d1(), problem.d2(), k, s); // checks k and s
        problem.outputs().requireSeparable();
        try (Effort effort = Effort.in("whitening", backend);
                Scratch scratch = new Scratch(backend)) {
            Whitening whitening = Whitening.of(backend, effort, scratch, problem);
            Matrix best = scratch.f32(problem.d2(), k);
            RoundHistory history = new RoundHistory(backend, settings.rounds(), settings.tolerance(), listener);
            int replaced = alternate(backend, effort, whitening, s, history, best);
            effort.enter("final fit");
            FinalFit.Stored stored = FinalFit.ofCodes(
                    backend,
                    effort,
                    problem,
                    List.of(problem),
                    null,
                    whitening,
                    best,
                    Sparsity.of(k, s, MaskGroups.NONE),
                    settings.precision(),
                    listener);
            return effort.factorization(stored, history.errors(), replaced, whitening.rank());
        }
    }

    /**
     * All rounds.
     *
     * @param best (d2, k), receives the codes of the best iterate
     * @return atoms replaced
     */
    private int alternate(
            Backend backend, Effort effort, Whitening whitening, int s, RoundHistory history, Matrix best) {
        Matrix target = whitening.target();
        int kept = Math.min(s, whitening.rank());
        try (Scratch scratch = new Scratch(backend)) {
            DeadAtoms deadAtoms = new DeadAtoms(backend, scratch, target);
            BestIterate bestIterate = new BestIterate(backend, scratch, best);
            DictionaryUpdate update = update(backend, effort, scratch, best.cols(), target.cols(), kept);
            Iterate iterate = new Iterate(backend, effort, target, scratch, best.cols(), kept, settings.pursuit());
            effort.enter("start");
            startFromRandomRows(backend, target, iterate.dictionary);
            if (settings.rounds() == 0) {
                iterate.code();
                iterate.measure(deadAtoms);
                bestIterate.offer(iterate.error, iterate.codes);
            }
            for (int t = 0; t < settings.rounds(); t++) {
                effort.enter("sparse coding");
                iterate.code();
                effort.enter("dictionary update");
                update.update(target, iterate.dictionary, iterate.codes, deadAtoms);
                iterate.measure(deadAtoms);
                bestIterate.offer(iterate.error, iterate.codes);
                if (history.finished(iterate.error, true)) {
                    break;
                }
            }
            history.settle();
            return deadAtoms.replaced();
        }
    }

    /** For k atoms of length r and codes of s nonzeros a row. */
    private DictionaryUpdate update(Backend backend, Effort effort, Scratch scratch, int k, int r, int s) {
        return switch (settings.solver()) {
            case KSVD ->
                new KsvdUpdate(backend, effort, RankOneFit.power(backend, effort, s, settings.powerIterations()));
            case KSVD_EXACT -> new KsvdUpdate(backend, effort, RankOneFit.exact(backend, effort));
            case KSVD_BLOCKED -> BlockedKsvdUpdate.standard(backend, effort);
            case MOD -> new ModUpdate(backend, effort, scratch, k, r);
            case BLOCK -> throw new IllegalArgumentException("the block solver does not alternate with a pursuit");
        };
    }

    /** k rows of Y, drawn without replacement by the seed; where k exceeds d2, the rest are sums of two random rows. */
    private void startFromRandomRows(Backend backend, Matrix target, Matrix dictionary) {
        Random random = new Random(settings.seed());
        int d2 = target.rows();
        int k = dictionary.rows();
        int[] rows = new int[d2];
        for (int i = 0; i < d2; i++) {
            int j = random.nextInt(i + 1); // inside-out Fisher-Yates
            rows[i] = rows[j];
            rows[j] = i;
        }
        int direct = Math.min(k, d2);
        backend.gatherRows(target, Arrays.copyOf(rows, direct), dictionary.rows(0, direct));
        for (int i = direct; i < k; i++) {
            Matrix atom = dictionary.rows(i, 1);
            backend.copy(target.rows(random.nextInt(d2), 1), atom);
            backend.axpy(1, target.rows(random.nextInt(d2), 1), atom);
        }
    }

    /** The first half of the alternation, and the error behind the second. */
    private static final class Iterate {
        private final Backend backend;
        private final Effort effort;
        private final Matrix target;
        private final int s;
        private final Pursuit pursuit;
        private final Matrix dictionary;
        private final Matrix codes;
        private final Matrix gram;
        private final Matrix correlations;
        private final Matrix residual;
        private final Matrix factors;
        /** Scalars: of the target, and the relative error of the iterate in hand. */
        private final Matrix energy;

        private final Matrix error;

        Iterate(Backend backend, Effort effort, Matrix target, Scratch scratch, int k, int s, Pursuit pursuit) {
            this.backend = backend;
            this.effort = effort;
            this.s = s;
            this.pursuit = pursuit;
            this.target = target;
            energy = scratch.f64(1, 1);
            backend.dot(target, target, energy);
            int d2 = target.rows();
            dictionary = scratch.f32(k, target.cols());
            codes = scratch.f32(d2, k);
            gram = scratch.f32(k, k);
            correlations = scratch.f32(d2, k);
            residual = scratch.f32(d2, target.cols());
            factors = scratch.f32(1, k);
            error = scratch.f64(1, 1);
        }

        void code() {
            backend.rowDots(dictionary, dictionary, factors);
            backend.power(factors, -0.5, factors);
            backend.scaleRows(dictionary, factors);
            effort.symmetricProduct(dictionary, false, gram);
            effort.gemm(1, target, false, dictionary, true, 0, correlations);
            if (pursuit == Pursuit.STAGED) {
                StagedPursuit.standard(backend, effort).code(gram, correlations, s, codes);
                return;
            }
            backend.orthogonalMatchingPursuit(gram, correlations, s, codes);
            double d2 = codes.rows();
            double k = codes.cols();
            effort.count(d2 * (k * s * s + (double) s * s * s)); // Rubinstein et al., table 1, leading terms
        }

        /** Computes the error of the iterate in hand, and of its rows. */
        void measure(DeadAtoms deadAtoms) {
            backend.copy(target, residual);
            effort.gemm(-1, codes, false, dictionary, false, 1, residual);
            deadAtoms.look(residual);
            backend.dot(residual, residual, error);
            backend.ratio(error, energy, error);
        }
    }
}
