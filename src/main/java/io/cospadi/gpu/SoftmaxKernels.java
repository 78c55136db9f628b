package io.cospadi.gpu;

import io.cospadi.tensor.DType;

/** Launches of {@code softmax.cu}; matrices (rows, cols) by address, f32; vectors of a number a row. */
public final class SoftmaxKernels {
    private static final int THREADS = 1024;

    private final Launcher launcher;

    public SoftmaxKernels(Launcher launcher) {
        this.launcher = launcher;
    }

    private void launch(String kernel, int rows, Object... arguments) {
        if (rows > 0) {
            launcher.launch(kernel, new LaunchGeometry(rows, 1, THREADS, 1, 0), arguments);
        }
    }

    /** Each row becomes its log-softmax. */
    public void logSoftmax(long logits, int rows, int cols) {
        launch("log_softmax", rows, logits, cols);
    }

    /**
     * {@code losses[i] <- -logSoftmax(logits[i])[targets[i]]}.
     *
     * @param logits  read only
     * @param targets int32, {@code 0 <= targets[i] < cols}
     * @param losses  f64
     */
    public void negativeLogLikelihood(long logits, long targets, long losses, int rows, int cols) {
        launch("negative_log_likelihood", rows, logits, targets, losses, cols);
    }

    /** {@code divergences[i] <-} the Kullback-Leibler divergence of two rows of log-probabilities, f64. */
    public void klDivergence(long logP, long logQ, long divergences, int rows, int cols) {
        launch("kl_divergence", rows, logP, logQ, divergences, cols);
    }

    /**
     * {@code columns[i] <-} where row i is largest, the lowest on ties.
     *
     * @param type    of the matrix, F32 or F64
     * @param columns f64, overwritten
     */
    public void argmax(DType type, long matrix, long columns, int rows, int cols) {
        launch(Typed.kernel("argmax", type), rows, matrix, columns, cols);
    }

    /**
     * Draws a column for each row.
     *
     * @param logProbabilities read only
     * @param uniforms         f64 in [0, 1)
     * @param columns          f64, overwritten
     */
    public void sample(long logProbabilities, long uniforms, long columns, int rows, int cols) {
        launch("sample", rows, logProbabilities, uniforms, columns, cols);
    }

    /**
     * Each row becomes {@code exp(row)}, less 1 at its target; 0 where the target is negative.
     *
     * @param logProbabilities overwritten
     * @param targets          f64, {@code targets[i] < cols}
     */
    public void likelihoodGradient(long logProbabilities, long targets, int rows, int cols) {
        launch("likelihood_gradient", rows, logProbabilities, targets, cols);
    }
}
