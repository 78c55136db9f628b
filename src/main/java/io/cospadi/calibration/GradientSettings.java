package io.cospadi.calibration;

/**
 * How gradients are taken.
 *
 * @param labels   whose likelihood the loss counts
 * @param seed     of labels that the model draws
 * @param clipping longest gradient of a token, in medians of its window and projection: a rare token whose gradient is far
 *                 longer than all others would decide the mean square alone
 */
public record GradientSettings(LabelSource labels, long seed, double clipping) {
    /** Labels drawn by the model with seed 42, norms of at most 10 medians. */
    public static final GradientSettings DEFAULT = new GradientSettings(LabelSource.MODEL, 42, 10);

    public GradientSettings {
        if (labels == null || !(clipping > 0)) {
            throw new IllegalArgumentException(
                    "gradients need labels and a positive clipping, got " + labels + " and " + clipping);
        }
    }
}
