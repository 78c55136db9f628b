package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;

/** The polar factor by the eigenvectors of {@code A Aᵀ}, in f64: about {@code 9 k³ + 5 k² r} operations a pass. */
final class PolarByEigenvectors implements PolarFactor {
    /** Share of the largest eigenvalue of A Aᵀ under which an f64 eigenvalue is mostly rounding. */
    private static final double RESOLVED = 1e-14;

    /** From this share on, an eigenvalue is right to f32's precision, and so is the polar factor. */
    private static final double NEAR = 1e-9;

    /** Each pass lifts singular values by up to 1e7: enough for any product of f32 matrices. */
    private static final int PASSES = 4;

    private final Backend backend;
    private final Effort effort;
    private final Matrix gram;
    private final Matrix scaled;
    private final Matrix factors;

    PolarByEigenvectors(Backend backend, Effort effort, Scratch scratch, int k) {
        this.backend = backend;
        this.effort = effort;
        gram = scratch.f64(k, k);
        scaled = scratch.f64(k, k);
        factors = scratch.f64(1, k);
    }

    @Override
    public void compute(Matrix a, Matrix polar) {
        for (int pass = 0; pass < PASSES && step(a, polar); pass++) {
            backend.copy(polar, a);
        }
    }

    @Override
    public boolean complete(Matrix polar) {
        return false;
    }

    /**
     * A Gram matrix in f64 shows singular values down to 1e-7 of the largest only; those below are lifted towards 1 instead of
     * divided by noise, and the next pass sees them.
     *
     * @return whether another pass is needed: the smallest singular value was not near the others
     */
    private boolean step(Matrix a, Matrix polar) {
        effort.symmetricProduct(a, false, gram);
        double[] values = effort.eigenSymmetric(gram);
        double largest = values[values.length - 1];
        boolean again = values[0] < NEAR * largest;
        double floor = Math.max(largest * RESOLVED, Double.MIN_NORMAL);
        for (int i = 0; i < values.length; i++) {
            values[i] = 1 / Math.sqrt(Math.max(values[i], floor));
        }
        backend.write(factors, values);
        backend.copy(gram, scaled);
        backend.scaleRows(scaled, factors);
        try (Matrix inverseRoot = backend.allocate(values.length, values.length, DType.F64)) {
            effort.gemm(1, gram, true, scaled, false, 0, inverseRoot);
            effort.gemm(1, inverseRoot, false, a, false, 0, polar);
        }
        return again;
    }
}
