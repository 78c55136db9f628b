package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;

/** {@code y = x Wᵀ_stored + bias}: the stored weight is (d2, d1), the transpose of the papers' W. */
public final class DenseLinear implements Linear {
    /** Rows of this many features and more are read at the memory's full rate. */
    private static final int LONG_ROW = 1024;

    private final int d1;
    private final int d2;
    private final Matrix bias;
    private Matrix weight;
    private boolean transposed;

    /**
     * @param weight     (d2, d1) of {@link Backend#weightType}, one output feature a row
     * @param biasOrNull (1, d2) F32
     */
    public DenseLinear(Matrix weight, Matrix biasOrNull) {
        this.d1 = weight.cols();
        this.d2 = weight.rows();
        this.weight = weight;
        this.bias = Bias.checked(biasOrNull, weight.rows());
    }

    @Override
    public int d1() {
        return d1;
    }

    @Override
    public int d2() {
        return d2;
    }

    @Override
    public Matrix biasOrNull() {
        return bias;
    }

    @Override
    public void multiply(Backend backend, Matrix x, boolean add, Matrix out) {
        backend.gemm(1, x, false, weight, !transposed, add ? 1 : 0, out);
    }

    @Override
    public Matrix inputWeight() {
        return transposed ? null : weight;
    }

    @Override
    public Matrix between(Backend backend, int n, Matrix out) {
        return out;
    }

    @Override
    public void finish(Backend backend, Matrix between, boolean add, Matrix out) {}

    /**
     * The gradient at the output taken to the input: {@code inputGradient (N, d1) <- gradient (N, d2) · Wᵀ + beta · inputGradient}.
     */
    void backward(Backend backend, Matrix gradient, double beta, Matrix inputGradient) {
        backend.gemm(1, gradient, false, weight, transposed, beta, inputGradient);
    }

    /**
     * Keeps the weight transposed, (d1, d2), where that makes its rows long. A single token's product does nothing but read
     * the weight, and rows of a few hundred features end before the processor has begun to fetch ahead: SmolLM2's (1536, 576)
     * is read at 11 GB/s as it is stored and at 17 GB/s transposed. Takes room for both while it copies.
     */
    void layOutForSingleTokens(Backend backend) {
        if (transposed || weight.dtype() != DType.F32 || d1 >= LONG_ROW || d2 <= d1) {
            return;
        }
        Matrix turned = backend.allocate(d1, d2, DType.F32);
        try {
            backend.transpose(weight, turned);
        } catch (RuntimeException | Error failure) {
            turned.close();
            throw failure;
        }
        weight.close();
        weight = turned;
        transposed = true;
    }

    @Override
    public long multiplyAdds() {
        return (long) d1 * d2;
    }

    @Override
    public long bytes() {
        return (long) weight.dtype().bytes() * d1 * d2 + Bias.bytes(bias);
    }

    @Override
    public void close() {
        weight.close();
        Bias.close(bias);
    }
}
