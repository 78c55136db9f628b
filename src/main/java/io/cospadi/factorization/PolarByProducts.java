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
 * which maps singular values in [l, 1] to [l', 1] for nearly the largest l' that a cubic can: 2.5 times l while l is small. Some 24
 * iterations of {@code 3 k² r} operations each; where f64 products run at their full rate that is a fraction of an
 * eigendecomposition's time.
 *
 * @see "Chen, Chow: A stable scaling of Newton-Schulz for improving the sign function computation, ANL/MCS-P5059-0114"
 */
final class PolarByProducts implements PolarFactor {
    /** Share of the largest singular value from which on directions count: what a product of f32 matrices can show. */
    private static final double LEAST = 1e-8;

    /** With √3 a singular value of 1, and there may be one, would become l' and drown in rounding. */
    private static final double LARGEST_SCALE = 1.7;

    /** From here on steps are not scaled: they converge by squares. */
    private static final double CLOSE = 0.95;

    /** {@code ‖X Xᵀ − I‖² / k} of rows that are orthonormal to far below f32's precision. */
    private static final double DONE = 1e-18;

    /** A direction that is not there grows out of rounding, at the end by half a step: enough to bring it up. */
    private static final int MOST_STEPS = 150;

    private final Backend backend;
    private final Effort effort;
    private final Scratch scratch;
    private final Matrix gram;
    private final Matrix square;

    PolarByProducts(Backend backend, Effort effort, int k) {
        this.backend = backend;
        this.effort = effort;
        scratch = new Scratch(backend);
        gram = scratch.f64(k, k);
        square = scratch.f64(k, k);
    }

    @Override
    public void compute(Matrix a, Matrix polar) {
        toUnitNorm(a);
        Matrix from = a;
        Matrix to = polar;
        double least = LEAST;
        for (int step = 0; step < MOST_STEPS; step++) {
            effort.symmetricProduct(from, false, gram);
            boolean close = least > CLOSE;
            if (close && distance() < DONE) {
                if (from != polar) {
                    backend.copy(from, polar);
                }
                return;
            }
            double scale = close ? 1 : Math.min(LARGEST_SCALE, Math.sqrt(3 / (1 + least + least * least)));
            backend.copy(from, to);
            effort.gemm(-0.5 * scale * scale * scale, gram, false, from, false, 1.5 * scale, to);
            least = scale * least * (3 - scale * scale * least * least) / 2;
            Matrix last = from;
            from = to;
            to = last;
        }
        throw new ArithmeticException(
                "the polar factor of " + a.shape() + " does not converge: a row is zero, or not finite");
    }

    /** The largest singular value to at most 1 and not far below: the eigenvalues of G = X Xᵀ are at most ‖G²‖^½ (Frobenius). */
    private void toUnitNorm(Matrix a) {
        backend.scale(Math.pow(Math.max(backend.dot(a, a), Double.MIN_NORMAL), -0.5), a);
        effort.symmetricProduct(a, false, gram);
        effort.symmetricProduct(gram, false, square);
        backend.scale(Math.pow(Math.max(backend.dot(square, square), Double.MIN_NORMAL), -0.125), a);
    }

    /** {@code ‖G − I‖² / k}. */
    private double distance() {
        backend.copy(gram, square);
        backend.addToDiagonal(square, -1);
        return backend.dot(square, square) / square.rows();
    }

    @Override
    public void close() {
        scratch.close();
    }
}
