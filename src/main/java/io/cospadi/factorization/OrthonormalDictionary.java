package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;

/**
 * Sparse coding over orthonormal atoms, where both halves of the alternation are exact: the best s-sparse codes keep the s
 * largest entries of {@code Y Dᵀ} in each row, and the best orthonormal dictionary for codes C is the orthogonal polar factor
 * of {@code Z = Cᵀ Y} (Procrustes, {@link PolarFactor}). The objective never rises.
 *
 * @see "COMPOT, arXiv 2602.15200"
 */
final class OrthonormalDictionary {
    /**
     * Keeps the polar factor defined, and near the last dictionary, where Z has lost rank: no direction falls below this share of
     * their root mean square.
     */
    private static final double PULL = 1e-7;

    private final Backend backend;
    private final Effort effort;
    private final Sparsity sparsity;
    private final Matrix target;
    private final Matrix dictionary;
    private final Matrix codes;
    private final Matrix dictionary64;
    private final Matrix product64;
    private final PolarFactor polarFactor;

    /** Scalars. */
    private final Matrix energy;

    private final Matrix error;

    private final Matrix pull;
    private final Matrix one;
    private final Matrix zero;

    private boolean updated;

    /**
     * Starts from the k strongest right singular vectors of the target.
     *
     * @param whitening its target Y (d2, r) is fitted; outlives this
     * @param k         atoms, {@code 1 <= k <= r}
     * @param sparsity  of the codes
     */
    OrthonormalDictionary(
            Backend backend, Effort effort, Scratch scratch, Whitening whitening, int k, Sparsity sparsity) {
        if (k > whitening.rank()) {
            throw new IllegalArgumentException(
                    "an orthonormal dictionary of " + k + " atoms does not fit rank " + whitening.rank());
        }
        this.backend = backend;
        this.effort = effort;
        this.sparsity = sparsity.within(k);
        target = whitening.target();
        dictionary = scratch.f32(k, target.cols());
        codes = scratch.f32(target.rows(), k);
        dictionary64 = scratch.f64(k, target.cols());
        product64 = scratch.f64(k, target.cols());
        polarFactor = PolarFactor.on(backend, effort, scratch, k);
        energy = scratch.f64(1, 1);
        backend.dot(target, target, energy);
        error = scratch.f64(1, 1);
        pull = scratch.f64(1, 1);
        one = scratch.f64(1, 1);
        backend.fill(one, 1);
        zero = scratch.f64(1, 1);
        backend.gatherRows(whitening.principalAxes().axes(), this.sparsity.order(k), dictionary);
    }

    /** D (k, r), orthonormal rows; owned by this. */
    Matrix dictionary() {
        return dictionary;
    }

    /** C (d2, k); owned by this. */
    Matrix codes() {
        return codes;
    }

    /** The best codes for the dictionary in hand that are as sparse as asked. */
    void code() {
        effort.gemm(1, target, false, dictionary, true, 0, codes);
        sparsity.keepLargest(backend, codes);
    }

    /** {@code ‖Y − C D‖² / ‖Y‖²} behind {@link #code}, a scalar: for exact orthonormal codes it is {@code 1 − ‖C‖² / ‖Y‖²}. */
    Matrix error() {
        backend.dot(codes, codes, error);
        backend.ratio(error, energy, error);
        backend.scale(-1, error);
        backend.axpy(1, one, error);
        backend.copyIfLess(error, zero, zero, error); // by rounding
        return error;
    }

    /** The best orthonormal dictionary for the codes in hand. The small problem is solved in f64; nothing waits for it. */
    void update() {
        try (Matrix product = backend.allocate(dictionary.rows(), dictionary.cols(), DType.F32)) {
            effort.gemm(1, codes, true, target, false, 0, product);
            backend.copy(product, product64);
        }
        backend.copy(dictionary, dictionary64);
        backend.dot(product64, product64, pull);
        backend.scale(PULL * PULL / dictionary.rows(), pull);
        backend.power(pull, 0.5, pull);
        backend.axpy(pull, dictionary64, product64);
        polarFactor.compute(product64, dictionary64);
        backend.copy(dictionary64, dictionary);
        updated = true;
    }

    /**
     * Behind all rounds: makes sure that the last update left orthonormal atoms, and waits for it. Where a direction had all but
     * vanished, it is brought up, and the codes are those for the dictionary then.
     *
     * @throws ArithmeticException if the atoms are not finite
     */
    void complete() {
        if (updated && polarFactor.complete(dictionary64)) {
            backend.copy(dictionary64, dictionary);
            code();
        }
    }
}
