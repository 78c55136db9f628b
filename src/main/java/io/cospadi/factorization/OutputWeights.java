package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.List;

/**
 * What an error costs at the output features: H in the objective {@code tr(H Δ G Δᵀ)}, Δ (d2, d1) = W − Ŵ. With H the covariance
 * of the loss gradient at the projection's output, half the objective is the rise of the loss to second order. H is absorbed: a
 * solver sees {@code Cᵀ W} for {@code H = C Cᵀ} and what it finds is released by C⁻ᵀ in the end. A diagonal H only scales the
 * rows of W, and of codes; a full one mixes them, so that codes would not stay sparse: low-rank methods absorb it whole, the block
 * solver its diagonal, and minds the {@link OutputCorrelation} in every step.
 *
 * @see "Martens, Grosse: Optimizing neural networks with Kronecker-factored approximate curvature, ICML 2015"
 */
public final class OutputWeights implements AutoCloseable {
    private static final OutputWeights EQUAL = new OutputWeights(null, null);

    private final double[] diagonal;
    /** C (d2, d2) F64, lower triangular, of a full H. */
    private final Matrix factor;

    private OutputWeights(double[] diagonal, Matrix factor) {
        this.diagonal = diagonal;
        this.factor = factor;
    }

    /** H = I: the error of the output itself. */
    public static OutputWeights equal() {
        return EQUAL;
    }

    /**
     * H = diag({@code h}).
     *
     * @param h (d2), finite and positive; copied
     */
    public static OutputWeights diagonal(double[] h) {
        for (int j = 0; j < h.length; j++) {
            if (!(h[j] > 0 && h[j] < Double.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException(
                        "output feature " + j + " has the weight " + h[j] + ", weights must be finite and positive");
            }
        }
        return new OutputWeights(h.clone(), null);
    }

    /**
     * H = diag of the gradients' mean squares, shrunk towards their mean: {@code (1 − share) h_j + share · mean(h)}, so that a
     * feature whose gradient the few windows hardly showed keeps a weight.
     *
     * @param h     (d2), finite and not negative, not all 0
     * @param share in (0, 1]
     */
    public static OutputWeights shrunk(double[] h, double share) {
        double mean = Arrays.stream(h).average().orElse(0);
        return diagonal(
                Arrays.stream(h).map(own -> (1 - share) * own + share * mean).toArray());
    }

    /**
     * All of H, shrunk likewise: {@code (1 − share) H + share · mean diagonal · I}. The result holds a matrix; the caller closes
     * it after all that uses it.
     *
     * @param covariance H (d2, d2) F64, symmetric, positive semidefinite, not 0; read only
     * @param share      in (0, 1]
     * @throws CospadiException if it is not finite or far from semidefinite
     */
    public static OutputWeights full(Backend backend, Matrix covariance, double share) {
        int d2 = covariance.rows();
        Matrix factor = backend.allocate(d2, d2, DType.F64);
        try (Matrix own = backend.allocate(1, d2, DType.F64)) {
            backend.diagonal(covariance, own);
            double mean = Arrays.stream(backend.readDoubles(own)).average().orElse(0);
            backend.axpy(1 - share, covariance, factor);
            backend.addToDiagonal(factor, share * mean);
            if (!(mean > 0) || !backend.cholesky(factor)) {
                throw new CospadiException("the covariance of output gradients, " + d2
                        + " features, is not positive definite (mean diagonal " + mean + ", shrunk by " + share
                        + "); calibrate again");
            }
            return new OutputWeights(null, factor);
        } catch (RuntimeException | Error failure) {
            factor.close();
            throw failure;
        }
    }

    /** {@code Σ_j h_j e_j}: energies by output feature as the objective counts them. Not of a full H. */
    public double weigh(double[] energies) {
        requireSeparable();
        double sum = 0;
        for (int j = 0; j < energies.length; j++) {
            sum += diagonal == null ? energies[j] : diagonal[j] * energies[j];
        }
        return sum;
    }

    /** The weights as (1, d2) F64, of H that is separable; the caller closes it. */
    Matrix vector(Backend backend, int d2) {
        requireSeparable();
        Matrix vector = backend.allocate(1, d2, DType.F64);
        if (diagonal == null) {
            backend.fill(vector, 1);
        } else {
            backend.write(vector, diagonal);
        }
        return vector;
    }

    /**
     * The weights of several projections' output features, one after the other.
     *
     * @param parts all equal, or none; none full
     */
    static OutputWeights stacked(List<OutputWeights> parts) {
        parts.forEach(OutputWeights::requireSeparable);
        long equal = parts.stream().filter(part -> part.diagonal == null).count();
        if (equal == parts.size()) {
            return EQUAL;
        }
        if (equal > 0) {
            throw new IllegalArgumentException(
                    "output weights must be given for all projections or for none, got none for " + equal + " of "
                            + parts.size());
        }
        return new OutputWeights(
                parts.stream()
                        .flatMapToDouble(part -> Arrays.stream(part.diagonal))
                        .toArray(),
                null);
    }

    /** @throws IllegalArgumentException if an output feature's weight depends on the others */
    void requireSeparable() {
        if (factor != null) {
            throw new IllegalArgumentException("a full covariance of " + factor.rows()
                    + " output features is for low-rank methods and the block solver alone");
        }
    }

    /** Whether an output feature's weight depends on the others. */
    boolean isFull() {
        return factor != null;
    }

    /** The diagonal alone of a full H. */
    OutputWeights separable(Backend backend) {
        return diagonal(OutputCorrelation.diagonal(backend, factor));
    }

    /** The rest of a full H. */
    OutputCorrelation correlation(Backend backend, Scratch scratch) {
        return new OutputCorrelation(backend, scratch, factor);
    }

    /** Whether so many output features can be weighted by these. */
    boolean fit(int d2) {
        return factor != null ? factor.rows() == d2 : diagonal == null || diagonal.length == d2;
    }

    /** How many output features these weights are of, for messages. */
    String describe() {
        if (factor != null) {
            return "a covariance of " + factor.rows();
        }
        return diagonal == null ? "equal weights" : diagonal.length + " weights";
    }

    /** {@code matrix (d2, n) <- Cᵀ matrix}: rows as the objective counts them. Nothing where all weights are equal. */
    void absorb(Backend backend, Matrix matrix) {
        if (factor != null) {
            try (Matrix given = backend.allocate(matrix.rows(), matrix.cols(), DType.F64);
                    Matrix absorbed = backend.allocate(matrix.rows(), matrix.cols(), DType.F64)) {
                backend.copy(matrix, given);
                backend.gemm(1, factor, true, given, false, 0, absorbed);
                backend.copy(absorbed, matrix);
            }
        } else {
            scaleRows(backend, matrix, 0.5);
        }
    }

    /** The inverse of {@link #absorb}. */
    void release(Backend backend, Matrix matrix) {
        if (factor != null) {
            try (Matrix released = backend.allocate(matrix.rows(), matrix.cols(), DType.F64)) {
                backend.copy(matrix, released);
                backend.solveTriangular(factor, true, released);
                backend.copy(released, matrix);
            }
        } else {
            scaleRows(backend, matrix, -0.5);
        }
    }

    /** {@code matrix[j] <- h_j^exponent · matrix[j]} for every row j. */
    private void scaleRows(Backend backend, Matrix matrix, double exponent) {
        if (diagonal == null) {
            return;
        }
        double[] factors = new double[diagonal.length];
        for (int j = 0; j < factors.length; j++) {
            factors[j] = Math.pow(diagonal[j], exponent);
        }
        try (Matrix vector = backend.allocate(1, factors.length, matrix.dtype())) {
            if (matrix.dtype() == DType.F64) {
                backend.write(vector, factors);
            } else {
                float[] narrow = new float[factors.length];
                for (int j = 0; j < narrow.length; j++) {
                    narrow[j] = (float) factors[j];
                }
                backend.write(vector, narrow);
            }
            backend.scaleRows(matrix, vector);
        }
    }

    /** Squared norms of rows that the weights are in, and what they are without them; (d2) each. */
    record Energies(double[] weighted, double[] plain) {
        double objective() {
            return Arrays.stream(weighted).sum();
        }
    }

    /** @param rows (d2, n) that the weights are in; read only */
    Energies energies(Backend backend, Matrix rows) {
        double[] weighted = squaredNorms(backend, rows);
        if (factor != null) {
            try (Matrix released = backend.allocate(rows.rows(), rows.cols(), rows.dtype())) {
                backend.copy(rows, released);
                release(backend, released);
                return new Energies(weighted, squaredNorms(backend, released));
            }
        }
        return separated(weighted);
    }

    /** Of weights that are separable, given the squared norms. */
    Energies separated(double[] weighted) {
        requireSeparable();
        double[] plain = weighted.clone();
        for (int j = 0; diagonal != null && j < plain.length; j++) {
            plain[j] /= diagonal[j];
        }
        return new Energies(weighted, plain);
    }

    private static double[] squaredNorms(Backend backend, Matrix rows) {
        try (Matrix norms = backend.allocate(1, rows.rows(), rows.dtype())) {
            backend.rowDots(rows, rows, norms);
            return readDoubles(backend, norms);
        }
    }

    private static double[] readDoubles(Backend backend, Matrix vector) {
        if (vector.dtype() == DType.F64) {
            return backend.readDoubles(vector);
        }
        float[] narrow = backend.readFloats(vector);
        double[] wide = new double[narrow.length];
        Arrays.setAll(wide, j -> narrow[j]);
        return wide;
    }

    /** Frees the matrix of a full H. */
    @Override
    public void close() {
        if (factor != null) {
            factor.close();
        }
    }
}
