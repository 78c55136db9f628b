package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;

/**
 * Sparse coding over orthonormal atoms, where both halves of the alternation are exact: the best s-sparse codes keep the s
 * largest entries of {@code Y Dᵀ} in each row, and the best orthonormal dictionary for codes C is the orthogonal polar factor
 * of {@code Z = Cᵀ Y} (Procrustes), {@code (Z Zᵀ)^(-1/2) Z}. The objective never rises.
 *
 * @see "COMPOT, arXiv 2602.15200"
 */
final class OrthonormalDictionary implements AutoCloseable {
    /** Keeps the polar factor defined, and near the last dictionary, where Z has lost rank. */
    private static final double PULL = 1e-7;

    /** Share of the largest eigenvalue of A Aᵀ under which an f64 eigenvalue is mostly rounding. */
    private static final double RESOLVED = 1e-14;

    /** From this share on, an eigenvalue is right to f32's precision, and so is the polar factor. */
    private static final double NEAR = 1e-9;

    /** Each pass lifts singular values by up to 1e7: enough for any product of f32 matrices. */
    private static final int POLAR_PASSES = 4;

    private final Backend backend;
    private final Effort effort;
    private final Sparsity sparsity;
    private final Matrix target;
    private final Scratch scratch;
    private final Matrix dictionary;
    private final Matrix codes;
    private final Matrix dictionary64;
    private final Matrix product64;
    private final Matrix gram64;
    private final Matrix scaled64;
    private final Matrix values64;

    /**
     * Starts from the k strongest right singular vectors of the target.
     *
     * @param whitening its target Y (d2, r) is fitted; outlives this
     * @param k         atoms, {@code 1 <= k <= r}
     * @param sparsity  of the codes
     */
    OrthonormalDictionary(Backend backend, Effort effort, Whitening whitening, int k, Sparsity sparsity) {
        if (k > whitening.rank()) {
            throw new IllegalArgumentException(
                    "an orthonormal dictionary of " + k + " atoms does not fit rank " + whitening.rank());
        }
        this.backend = backend;
        this.effort = effort;
        this.sparsity = sparsity.within(k);
        target = whitening.target();
        scratch = new Scratch(backend);
        dictionary = scratch.f32(k, target.cols());
        codes = scratch.f32(target.rows(), k);
        dictionary64 = scratch.f64(k, target.cols());
        product64 = scratch.f64(k, target.cols());
        gram64 = scratch.f64(k, k);
        scaled64 = scratch.f64(k, k);
        values64 = scratch.f64(1, k);
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

    /**
     * The best codes for the dictionary in hand that are as sparse as asked.
     *
     * @return {@code ‖Y − C D‖² / ‖Y‖²}, which for exact orthonormal codes is {@code 1 − ‖C‖² / ‖Y‖²}
     */
    double code() {
        effort.gemm(1, target, false, dictionary, true, 0, codes);
        sparsity.keepLargest(backend, codes);
        return Math.max(0, 1 - backend.dot(codes, codes) / backend.dot(target, target));
    }

    /** The best orthonormal dictionary for the codes in hand. The small k x k problem is solved in f64. */
    void update() {
        try (Matrix product = backend.allocate(dictionary.rows(), dictionary.cols(), DType.F32)) {
            effort.gemm(1, codes, true, target, false, 0, product);
            backend.copy(product, product64);
        }
        backend.copy(dictionary, dictionary64);
        backend.axpy(PULL * Math.sqrt(backend.dot(product64, product64) / dictionary.rows()), dictionary64, product64);
        for (int pass = 0; pass < POLAR_PASSES && polarStep(); pass++) {
            backend.copy(dictionary64, product64);
        }
        backend.copy(dictionary64, dictionary);
    }

    /**
     * {@code dictionary64 <- (A Aᵀ)^(−1/2) A} for A = product64. A Gram matrix in f64 shows singular values down to 1e-7 of the
     * largest only; those below are lifted towards 1 instead of divided by noise, and the next pass sees them.
     *
     * @return whether another pass is needed: the smallest singular value was not near the others
     */
    private boolean polarStep() {
        effort.symmetricProduct(product64, false, gram64);
        double[] values = effort.eigenSymmetric(gram64);
        double largest = values[values.length - 1];
        boolean again = values[0] < NEAR * largest;
        double floor = Math.max(largest * RESOLVED, Double.MIN_NORMAL);
        for (int i = 0; i < values.length; i++) {
            values[i] = 1 / Math.sqrt(Math.max(values[i], floor));
        }
        backend.write(values64, values);
        backend.copy(gram64, scaled64);
        backend.scaleRows(scaled64, values64);
        try (Matrix inverseRoot = backend.allocate(values.length, values.length, DType.F64)) {
            effort.gemm(1, gram64, true, scaled64, false, 0, inverseRoot);
            effort.gemm(1, inverseRoot, false, product64, false, 0, dictionary64);
        }
        return again;
    }

    @Override
    public void close() {
        scratch.close();
    }
}
