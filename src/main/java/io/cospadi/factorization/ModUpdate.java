package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/** Method of optimal directions: all atoms at once, {@code D = (CᵀC)⁻¹ Cᵀ Y}; dead atoms replaced. */
final class ModUpdate implements DictionaryUpdate {
    private final Backend backend;
    private final Effort effort;

    ModUpdate(Backend backend, Effort effort) {
        this.backend = backend;
        this.effort = effort;
    }

    @Override
    public int update(Matrix target, Matrix dictionary, Matrix codes) {
        int k = codes.cols();
        try (Scratch scratch = new Scratch(backend)) {
            Matrix usage = scratch.f32(1, k);
            boolean allUsed =
                    LeastSquaresDictionary.solve(backend, effort, codes, target, scratch.f32(k, k), usage, dictionary);
            return allUsed ? 0 : DeadAtoms.replace(backend, effort, target, codes, usage, dictionary);
        }
    }
}
