package io.cospadi.factorization;

import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;

/**
 * What is to be factored: W, so that {@code tr(H Δ G Δᵀ)} is small for Δ = W − Ŵ. Both matrices belong to the caller and are
 * only read.
 *
 * @param name   the projection, for messages
 * @param weight W (d2, d1) F32
 * @param gram   G = XᵀX of the projection's inputs, or any positive multiple of it, (d1, d1) F64, symmetric; may be
 *               singular, must not be indefinite beyond rounding
 * @param outputs H, what an error costs at each of the d2 output features
 */
public record Problem(String name, Matrix weight, Matrix gram, OutputWeights outputs) {
    public Problem {
        if (weight.dtype() != DType.F32 || weight.rows() < 1 || weight.cols() < 1) {
            throw new IllegalArgumentException(name + ": W must be a non-empty F32 matrix, got " + weight.shape());
        }
        if (gram.dtype() != DType.F64 || gram.rows() != weight.cols() || gram.cols() != weight.cols()) {
            throw new IllegalArgumentException(
                    name + ": W " + weight.shape() + " needs an F64 Gram of its columns, got " + gram.shape());
        }
        if (!outputs.fit(weight.rows())) {
            throw new IllegalArgumentException(
                    name + ": W " + weight.shape() + " needs a weight for each row, got " + outputs.describe());
        }
    }

    /** With H = I: the error of the projection's output, the paper's objective. */
    public Problem(String name, Matrix weight, Matrix gram) {
        this(name, weight, gram, OutputWeights.equal());
    }

    /** The same with other output weights. */
    Problem with(OutputWeights others) {
        return new Problem(name, weight, gram, others);
    }

    /** Input features. */
    public int d1() {
        return weight.cols();
    }

    /** Output features. */
    public int d2() {
        return weight.rows();
    }
}
