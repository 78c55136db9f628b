package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/** A projection of rank r, {@code y = (x · downᵀ) · upᵀ + bias}: what the SVD family of methods produces. */
public final class LowRankLinear implements Linear {
    private final Matrix down;
    private final Matrix up;
    private final Matrix bias;
    private Workspace intermediate;

    /**
     * @param down       (r, d1) of {@link Backend#weightType}
     * @param up         (d2, r) likewise
     * @param biasOrNull (1, d2) F32
     */
    public LowRankLinear(Matrix down, Matrix up, Matrix biasOrNull) {
        if (down.rows() != up.cols()) {
            throw new IllegalArgumentException("ranks differ: down " + down.shape() + ", up " + up.shape());
        }
        this.down = down;
        this.up = up;
        this.bias = Bias.checked(biasOrNull, up.rows());
    }

    @Override
    public int d1() {
        return down.cols();
    }

    @Override
    public int d2() {
        return up.rows();
    }

    @Override
    public Matrix biasOrNull() {
        return bias;
    }

    @Override
    public void multiply(Backend backend, Matrix x, boolean add, Matrix out) {
        Matrix z = between(backend, x.rows(), out);
        backend.gemm(1, x, false, down, true, 0, z);
        finish(backend, z, add, out);
    }

    @Override
    public Matrix inputWeight() {
        return down;
    }

    @Override
    public Matrix between(Backend backend, int n, Matrix out) {
        if (intermediate == null) {
            intermediate = new Workspace(backend, down.rows());
        }
        return intermediate.rows(n);
    }

    @Override
    public void finish(Backend backend, Matrix between, boolean add, Matrix out) {
        backend.gemm(1, between, false, up, true, add ? 1 : 0, out);
    }

    @Override
    public long multiplyAdds() {
        return (long) down.rows() * down.cols() + (long) up.rows() * up.cols();
    }

    @Override
    public long bytes() {
        return (long) down.dtype().bytes() * down.rows() * down.cols()
                + (long) up.dtype().bytes() * up.rows() * up.cols()
                + Bias.bytes(bias);
    }

    @Override
    public void close() {
        down.close();
        up.close();
        Bias.close(bias);
        if (intermediate != null) {
            intermediate.close();
        }
    }
}
