package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/**
 * The polar factor by products alone, in f64: Newton and Schulz's iteration
 *
 * <pre>
 *   X &lt;- 3/2 a X − 1/2 a³ X Xᵀ X,   a = √(3 / (1 + l + l²)), at most 1.7
 * </pre>
 *
 * which maps singular values in [l, 1] to [l', 1] for nearly the largest l' that a cubic can: 2.5 times l while l is small. The
 * bounds l follow from each other, so that the number of steps is known before the first: {@value #STEPS} of {@code 3 k² r}
 * operations each; where f64 products run at their full rate that is a fraction of an eigendecomposition's time.
 *
 * <p>Iterates have A's singular vectors, so the polar factor of one is that of A: what is weaker than the first bound is brought up
 * by doing the same again.
 *
 * @see "Chen, Chow: A stable scaling of Newton-Schulz for improving the sign function computation, ANL/MCS-P5059-0114"
 */
final class PolarByProducts implements PolarFactor {
    /** Share of the largest singular value from which on directions count: far less than a product of f32 matrices can show. */
    private static final double LEAST = 1e-9;

    /** Until singular values in [LEAST, 1] are in [1 − 5e-11, 1]. */
    static final int STEPS = 26;

    /** With √3 a singular value of 1, and there may be one, would become l' and drown in rounding. */
    private static final double LARGEST_SCALE = 1.7;

    /** From here on steps are not scaled: they converge by squares. */
    private static final double CLOSE = 0.95;

    /** {@code ‖X Xᵀ − I‖² / k} of rows that are orthonormal to far below f32's precision. */
    private static final double DONE = 1e-18;

    /** Each brings a direction up by 1e9: twice is enough for one that is not there and begins as rounding. */
    private static final int MOST_REPETITIONS = 4;

    private final Backend backend;
    private final Effort effort;
    private final Matrix gram;
    private final Matrix square;
    /** Scalar. */
    private final Matrix norm;

    PolarByProducts(Backend backend, Effort effort, Scratch scratch, int k) {
        this.backend = backend;
        this.effort = effort;
        gram = scratch.f64(k, k);
        square = scratch.f64(k, k);
        norm = scratch.f64(1, 1);
    }

    @Override
    public void compute(Matrix a, Matrix polar) {
        toUnitNorm(a);
        Matrix from = a;
        Matrix to = polar;
        double least = LEAST;
        for (int step = 0; step < STEPS; step++) {
            double scale = least > CLOSE ? 1 : Math.min(LARGEST_SCALE, Math.sqrt(3 / (1 + least + least * least)));
            effort.symmetricProduct(from, false, gram);
            backend.copy(from, to);
            effort.gemm(-0.5 * scale * scale * scale, gram, false, from, false, 1.5 * scale, to);
            least = scale * least * (3 - scale * scale * least * least) / 2;
            Matrix last = from;
            from = to;
            to = last;
        }
        if (from != polar) {
            backend.copy(from, polar);
        }
    }

    @Override
    public boolean complete(Matrix polar) {
        int repetitions = 0;
        try (Matrix again = backend.allocate(polar.rows(), polar.cols(), polar.dtype())) {
            for (; !(distance(polar) < DONE); repetitions++) {
                if (repetitions == MOST_REPETITIONS) {
                    throw new ArithmeticException("the polar factor of " + polar.shape()
                            + " does not converge: a row is zero, or not finite");
                }
                backend.copy(polar, again);
                compute(again, polar);
            }
        }
        return repetitions > 0;
    }

    /** The largest singular value to at most 1 and not far below: the eigenvalues of G = X Xᵀ are at most ‖G²‖^½ (Frobenius). */
    private void toUnitNorm(Matrix a) {
        divideBy(a, a, 0.5);
        effort.symmetricProduct(a, false, gram);
        effort.symmetricProduct(gram, false, square);
        divideBy(a, square, 0.125);
    }

    /** By a root of another's squared norm. A norm of 0 leaves zeros, one that isn't finite what isn't. */
    private void divideBy(Matrix a, Matrix other, double root) {
        backend.dot(other, other, norm);
        backend.power(norm, -root, norm);
        backend.scale(norm, a);
    }

    /** {@code ‖X Xᵀ − I‖² / k}; waits for it. */
    private double distance(Matrix x) {
        effort.symmetricProduct(x, false, gram);
        backend.addToDiagonal(gram, -1);
        return backend.dot(gram, gram) / gram.rows();
    }
}
