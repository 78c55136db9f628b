package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.List;

/**
 * What an error costs at each output feature: the diagonal of H in the objective {@code tr(H Δ G Δᵀ)}, Δ (d2, d1) = W − Ŵ. With
 * H the covariance of the loss gradient at the projection's output, half the objective is the rise of the loss to second order.
 * A diagonal H only scales the rows of W, so a solver sees √H W and codes √H C, and the codes are divided by √H in the end.
 *
 * @see "Martens, Grosse: Optimizing neural networks with Kronecker-factored approximate curvature, ICML 2015"
 */
public final class OutputWeights {
    private static final OutputWeights EQUAL = new OutputWeights(null);

    private final double[] diagonal;

    private OutputWeights(double[] diagonal) {
        this.diagonal = diagonal;
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
        return new OutputWeights(h.clone());
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

    /** {@code Σ_j h_j e_j}: energies by output feature as the objective counts them. */
    public double weigh(double[] energies) {
        double sum = 0;
        for (int j = 0; j < energies.length; j++) {
            sum += diagonal == null ? energies[j] : diagonal[j] * energies[j];
        }
        return sum;
    }

    /**
     * The weights of several projections' output features, one after the other.
     *
     * @param parts all equal, or none
     */
    static OutputWeights stacked(List<OutputWeights> parts) {
        long equal = parts.stream().filter(part -> part.diagonal == null).count();
        if (equal == parts.size()) {
            return EQUAL;
        }
        if (equal > 0) {
            throw new IllegalArgumentException(
                    "output weights must be given for all projections or for none, got none for " + equal + " of "
                            + parts.size());
        }
        return new OutputWeights(parts.stream()
                .flatMapToDouble(part -> Arrays.stream(part.diagonal))
                .toArray());
    }

    /** Whether so many output features can be weighted by these. */
    boolean fit(int d2) {
        return diagonal == null || diagonal.length == d2;
    }

    /** How many output features these weights are of, for messages. */
    String describe() {
        return diagonal == null ? "equal weights" : diagonal.length + " weights";
    }

    /** {@code matrix[j] <- h_j^exponent · matrix[j]} for every row j; nothing where all weights are equal. */
    void scaleRows(Backend backend, Matrix matrix, double exponent) {
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

    /** Energies by output feature that the weights are in, without them: {@code e_j / h_j}. */
    double[] unweighted(double[] energies) {
        double[] plain = energies.clone();
        for (int j = 0; diagonal != null && j < plain.length; j++) {
            plain[j] /= diagonal[j];
        }
        return plain;
    }
}
