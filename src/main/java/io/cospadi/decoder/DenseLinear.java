package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/** {@code y = x Wᵀ_stored + bias}: the stored weight is (d2, d1), the transpose of the papers' W. */
public final class DenseLinear implements Linear {
    private final Matrix weight;
    private final Matrix bias;

    /**
     * @param weight     (d2, d1) F32, one output feature a row
     * @param biasOrNull (1, d2) F32
     */
    public DenseLinear(Matrix weight, Matrix biasOrNull) {
        this.weight = weight;
        this.bias = Bias.checked(biasOrNull, weight.rows());
    }

    @Override
    public int d1() {
        return weight.cols();
    }

    @Override
    public int d2() {
        return weight.rows();
    }

    @Override
    public void apply(Backend backend, Matrix x, Matrix out) {
        backend.gemm(1, x, false, weight, true, 0, out);
        Bias.add(backend, bias, out);
    }

    @Override
    public long multiplyAdds() {
        return (long) weight.rows() * weight.cols();
    }

    @Override
    public long bytes() {
        return 4L * weight.rows() * weight.cols() + Bias.bytes(bias);
    }

    @Override
    public void close() {
        weight.close();
        Bias.close(bias);
    }
}
