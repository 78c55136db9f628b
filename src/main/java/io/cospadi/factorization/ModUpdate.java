package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/** Method of optimal directions: all atoms at once, {@code D = (CᵀC)⁻¹ Cᵀ Y}; dead atoms replaced. */
final class ModUpdate implements DictionaryUpdate {
    private final Backend backend;
    private final LeastSquaresDictionary leastSquares;
    private final Matrix last;

    /**
     * @param k atoms
     * @param r their length
     */
    ModUpdate(Backend backend, Effort effort, Scratch scratch, int k, int r) {
        this.backend = backend;
        leastSquares = new LeastSquaresDictionary(backend, effort, scratch, scratch.f32(k, k));
        last = scratch.f32(k, r);
    }

    @Override
    public void update(Matrix target, Matrix dictionary, Matrix codes, DeadAtoms deadAtoms) {
        backend.copy(dictionary, last);
        leastSquares.attempt(codes, target, dictionary);
        leastSquares.orElse(last, dictionary);
        deadAtoms.replace(leastSquares.usage(), codes, dictionary, dictionary);
    }
}
