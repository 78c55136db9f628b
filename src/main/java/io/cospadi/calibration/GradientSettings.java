package io.cospadi.calibration;

/**
 * How gradients are taken, and what is kept of them.
 *
 * @param labels     whose likelihood the loss counts
 * @param seed       of labels that the model draws
 * @param clipping   longest gradient of a token, in medians of its window and projection: a rare token whose gradient is far
 *                   longer than all others would decide the mean square alone
 * @param covariance how much of H is kept
 * @param weights    whether the gradient of every weight is kept as well; it is never clipped
 */
public record GradientSettings(
        LabelSource labels, long seed, double clipping, OutputCovariance covariance, boolean weights) {
    /** Labels drawn by the model with seed 42, norms of at most 10 medians, the diagonal of H alone. */
    public static final GradientSettings DEFAULT =
            new GradientSettings(LabelSource.MODEL, 42, 10, OutputCovariance.DIAGONAL, false);

    public GradientSettings {
        if (labels == null || !(clipping > 0) || covariance == null) {
            throw new IllegalArgumentException("gradients need labels, a positive clipping and a covariance, got "
                    + labels + ", " + clipping + " and " + covariance);
        }
    }

    /** The same with all of H. */
    public GradientSettings withFullCovariance() {
        return new GradientSettings(labels, seed, clipping, OutputCovariance.FULL, weights);
    }

    /**
     * The same with the gradients of weights, and the text's own labels: over labels that the model draws itself, those gradients
     * have the mean 0.
     */
    public GradientSettings withWeightsOfText() {
        return new GradientSettings(LabelSource.TEXT, seed, clipping, covariance, true);
    }

    /** The same with another seed. */
    public GradientSettings withSeed(long newSeed) {
        return new GradientSettings(labels, newSeed, clipping, covariance, weights);
    }
}
