package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/**
 * COMPOT: sparse codes over an orthonormal dictionary of the whitened weight, both halves of each round exact
 * ({@link OrthonormalDictionary}); the start is the strongest singular vectors. Needs {@code k <= min(d1, d2)}.
 *
 * @see <a href="https://arxiv.org/abs/2602.15200">COMPOT</a>
 */
final class CompotSolver implements Factorizer {
    private final SolverSettings settings;

    CompotSolver(SolverSettings settings) {
        this.settings = settings;
    }

    @Override
    public Factorization factorize(Backend backend, Problem problem, int k, int s, RoundListener listener) {
        new FactorShape(problem.d1(), problem.d2(), k, s); // checks k and s
        problem.outputs().requireSeparable();
        Sparsity sparsity = Sparsity.of(k, s, settings.groups());
        if (k > Math.min(problem.d1(), problem.d2())) {
            throw new IllegalArgumentException(problem.name() + ": " + k + " orthonormal atoms do not fit d1="
                    + problem.d1() + ", d2=" + problem.d2());
        }
        try (Effort effort = Effort.in("whitening", backend);
                Scratch scratch = new Scratch(backend)) {
            Whitening whitening = Whitening.of(backend, effort, scratch, problem);
            Matrix dictionary = scratch.f64(k, problem.d1());
            Matrix codes = scratch.f32(problem.d2(), k);
            RoundHistory history = new RoundHistory(backend, settings.rounds(), settings.tolerance(), listener);
            alternate(backend, effort, whitening, sparsity, history, dictionary, codes);
            effort.enter("final fit");
            FinalFit.Stored stored = FinalFit.ofFactors(
                    backend, effort, problem, whitening, dictionary, codes, sparsity, settings.precision(), listener);
            return effort.factorization(stored, history.errors(), 0, whitening.rank());
        }
    }

    /**
     * All rounds.
     *
     * @param dictionary (k, d1) F64, receives the atoms in the space of the inputs; atoms beyond the whitened rank stay 0
     * @param codes      (d2, k) F32, receives the codes
     */
    private void alternate(
            Backend backend,
            Effort effort,
            Whitening whitening,
            Sparsity sparsity,
            RoundHistory history,
            Matrix dictionary,
            Matrix codes) {
        int atoms = Math.min(codes.cols(), whitening.rank());
        try (Scratch scratch = new Scratch(backend)) {
            OrthonormalDictionary orthonormal =
                    new OrthonormalDictionary(backend, effort, scratch, whitening, atoms, sparsity);
            effort.enter("rounds");
            orthonormal.code();
            for (int t = 0; t < settings.rounds(); t++) {
                orthonormal.update();
                orthonormal.code();
                if (history.finished(orthonormal.error(), true)) {
                    break;
                }
            }
            history.settle();
            orthonormal.complete();
            LeadingAtoms.embed(backend, orthonormal.codes(), codes);
            try (Matrix unwhitened = whitening.unwhiten(orthonormal.dictionary())) {
                backend.copy(unwhitened, dictionary.rows(0, unwhitened.rows()));
            }
        }
    }
}
