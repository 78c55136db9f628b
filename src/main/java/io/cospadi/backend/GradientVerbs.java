package io.cospadi.backend;

/**
 * The operations of a Llama-family backward pass, all F32: each takes the gradient of a loss at the output of one of {@link
 * DecoderVerbs} to its inputs. No weight is differentiated. N tokens are rows.
 */
public interface GradientVerbs {
    /**
     * {@link DecoderVerbs#rmsNorm} differentiated: with {@code r = 1 / sqrt(mean(x²) + eps)} of each group,
     * {@code gradient <- r · weight · gradient − x · r³ · mean(x · weight · gradient)}.
     *
     * @param x        what was normalised; read only
     * @param gradient at the output, becomes the one at x
     */
    void rmsNormGradient(Matrix x, Matrix weight, double eps, Matrix gradient);

    /** {@link DecoderVerbs#rotate} by the opposite angles, which is both its inverse and its gradient. */
    void rotateBack(Matrix x, Matrix cos, Matrix sin, int firstPosition);

    /**
     * {@link DecoderVerbs#attention} from position 0 on, differentiated.
     *
     * @param queries       (N, heads · headDim), as they were attended with
     * @param keys          (N, kvHeads · headDim)
     * @param values        as keys
     * @param gradient      at the output, (N, heads · headDim)
     * @param queryGradient overwritten; as queries
     * @param keyGradient   overwritten; as keys
     * @param valueGradient overwritten; as values
     */
    void attentionGradient(
            Matrix queries,
            Matrix keys,
            Matrix values,
            int heads,
            int headDim,
            int window,
            Matrix gradient,
            Matrix queryGradient,
            Matrix keyGradient,
            Matrix valueGradient);

    /**
     * {@link DecoderVerbs#siluMultiply} differentiated: with σ(x) = 1 / (1 + exp(-x)) of the gate,
     * {@code up <- gradient · gate · σ} and {@code gate <- gradient · up · σ · (1 + gate · (1 − σ))}, each from what both were.
     */
    void siluMultiplyGradient(Matrix gate, Matrix up, Matrix gradient);

    /**
     * Draws a column for each row: the first whose probabilities, added up in order, exceed {@code uniforms[i]} times their
     * sum.
     *
     * @param logProbabilities (N, cols), as {@link DecoderVerbs#logSoftmax} leaves them; read only
     * @param uniforms         N numbers in [0, 1)
     * @param columns          (N, 1) F64, overwritten
     */
    void sample(Matrix logProbabilities, double[] uniforms, Matrix columns);

    /**
     * The gradient of the summed negative log-likelihood at the logits: each row becomes {@code exp(row)}, less 1 at its target.
     * A row whose target is negative has none and becomes 0.
     *
     * @param logProbabilities as {@link DecoderVerbs#logSoftmax} leaves them; overwritten
     * @param targets          (N, 1) F64, columns; read only
     */
    void likelihoodGradient(Matrix logProbabilities, Matrix targets);

    /**
     * What to multiply rows by so that none is longer than {@code clipping} times their median length, the lower of two:
     * {@code factors[i] <- min(1, clipping · median / √squares[i])}, and 1 where the median is 0 or a length is NaN.
     *
     * @param squares (1, N), norms squared; read only
     * @param factors (1, N), overwritten; may be squares
     */
    void clippingFactors(Matrix squares, double clipping, Matrix factors);

    /**
     * {@code sums[j] += sum over i of (factors[i] · x[i,j])²}, in f64.
     *
     * @param x       (N, cols)
     * @param factors (1, N)
     * @param sums    (1, cols) F64
     */
    void addSquares(Matrix x, Matrix factors, Matrix sums);
}
