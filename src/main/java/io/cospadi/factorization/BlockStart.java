package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import java.util.Arrays;

/**
 * Where {@link BlockSolver} begins: the strongest right singular vectors of the whitened weight, a few rounds over orthonormal
 * dictionaries, and one least-squares fit. The start matters most: from random rows the same loop ends 30 to 300 % worse.
 * Atoms beyond the rank start as the rows coded worst so far.
 */
final class BlockStart {
    private static final int ORTHONORMAL_ROUNDS = 4;

    private BlockStart() {}

    /** Fills the dictionary and codes of {@code state}, as sparse as the result. */
    static void fill(Backend backend, Effort effort, Whitening whitening, BlockState state, Sparsity sparsity) {
        Matrix target = whitening.target();
        int k = state.atoms();
        int k0 = Math.min(k, whitening.rank());
        try (Scratch scratch = new Scratch(backend)) {
            OrthonormalDictionary start = new OrthonormalDictionary(backend, effort, scratch, whitening, k0, sparsity);
            start.code();
            for (int i = 0; i < ORTHONORMAL_ROUNDS; i++) {
                start.update();
                start.code();
            }
            start.complete();
            Matrix first = state.dictionary().rows(0, k0);
            LeastSquaresDictionary.solve(backend, effort, start.codes(), target, scratch.f32(k0, k0), first);
            LeadingAtoms.embed(backend, start.codes(), state.codes());
            if (k0 < k) {
                fillUp(backend, effort, start.codes(), state, k0);
            }
        }
        state.begin();
    }

    /** Atoms k0 and beyond become the rows that the first k0 code worst. */
    private static void fillUp(Backend backend, Effort effort, Matrix codes, BlockState state, int k0) {
        float[] used = new float[state.atoms()];
        Arrays.fill(used, 0, k0, 1);
        try (Scratch scratch = new Scratch(backend)) {
            DeadAtoms beyond = new DeadAtoms(backend, scratch, state.target());
            Matrix usage = scratch.f32(1, used.length);
            backend.write(usage, used);
            beyond.look(effort, codes, state.dictionary().rows(0, k0));
            beyond.replace(usage, state.codes(), state.dictionary(), state.dictionary());
        }
    }
}
