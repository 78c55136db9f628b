package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;

/** A projection of rank r, {@code y = (x · downᵀ) · upᵀ + bias}: what the SVD family of methods produces. */
public final class LowRankLinear implements Linear {
    private final Matrix down;
    private final Matrix up;
    private final Matrix bias;

    /**
     * @param down       (r, d1) F32
     * @param up         (d2, r) F32
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
    public void apply(Backend backend, Matrix x, Matrix out) {
        try (Matrix z = backend.allocate(x.rows(), down.rows(), DType.F32)) {
            backend.gemm(1, x, false, down, true, 0, z);
            backend.gemm(1, z, false, up, true, 0, out);
        }
        Bias.add(backend, bias, out);
    }

    @Override
    public long multiplyAdds() {
        return (long) down.rows() * down.cols() + (long) up.rows() * up.cols();
    }

    @Override
    public long bytes() {
        return 4L * down.rows() * down.cols() + 4L * up.rows() * up.cols() + Bias.bytes(bias);
    }

    @Override
    public void close() {
        down.close();
        up.close();
        Bias.close(bias);
    }
}
