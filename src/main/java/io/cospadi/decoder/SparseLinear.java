package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.SparseMatrix;

/**
 * A sparsely factored projection, {@code y = (x D) S + bias}, computed in that order; W = D S is made, some columns at a time, only for
 * so many tokens that it costs less ({@link Crossover}).
 *
 * @see "CoSpaDi, arXiv 2509.22075, inference"
 */
public final class SparseLinear implements Linear {
    private final Matrix dictionary;
    private final SparseMatrix codes;
    private final Matrix bias;
    private Workspace intermediate;

    /**
     * @param dictionary (k, d1) of {@link Backend#weightType}, one atom a row
     * @param codes      (d2, k), one output feature a row; stays packed
     * @param biasOrNull (1, d2) F32
     */
    public SparseLinear(Matrix dictionary, SparseMatrix codes, Matrix biasOrNull) {
        if (dictionary.rows() != codes.cols()) {
            throw new IllegalArgumentException("dictionary " + dictionary.shape() + " has " + dictionary.rows()
                    + " atoms, the codes (" + codes.rows() + ", " + codes.cols() + ") name " + codes.cols());
        }
        this.dictionary = dictionary;
        this.codes = codes;
        this.bias = Bias.checked(biasOrNull, codes.rows());
    }

    @Override
    public int d1() {
        return dictionary.cols();
    }

    @Override
    public int d2() {
        return codes.rows();
    }

    @Override
    public Matrix biasOrNull() {
        return bias;
    }

    SparseMatrix codes() {
        return codes;
    }

    @Override
    public void multiply(Backend backend, Matrix x, boolean add, Matrix out) {
        if (Crossover.of(backend, dictionary, codes).rebuilds(x.rows())) {
            backend.multiplyRebuilt(x, dictionary, codes, add, out);
            return;
        }
        Matrix z = between(backend, x.rows(), out);
        backend.gemm(1, x, false, dictionary, true, 0, z);
        finish(backend, z, add, out);
    }

    @Override
    public Matrix inputWeight() {
        return dictionary;
    }

    @Override
    public Matrix between(Backend backend, int n, Matrix out) {
        if (intermediate == null) {
            intermediate = new Workspace(backend, dictionary.rows());
        }
        return intermediate.rows(n);
    }

    @Override
    public void finish(Backend backend, Matrix between, boolean add, Matrix out) {
        backend.multiplyCodes(between, codes, add, out);
    }

    @Override
    public long multiplyAdds() {
        return (long) dictionary.rows() * dictionary.cols() + (long) codes.rows() * codes.nonzerosPerRow();
    }

    @Override
    public long bytes() {
        return (long) dictionary.dtype().bytes() * dictionary.rows() * dictionary.cols()
                + codes.bytes()
                + Bias.bytes(bias);
    }

    @Override
    public void close() {
        dictionary.close();
        codes.close();
        Bias.close(bias);
        if (intermediate != null) {
            intermediate.close();
        }
    }
}
