package io.cospadi.compression;

import io.cospadi.calibration.GradientSettings;
import io.cospadi.calibration.WindowSettings;
import java.util.OptionalInt;

/**
 * The gradients that a calibration takes beside its Grams, from the same text.
 *
 * @param windows  which windows: far fewer tokens than the Grams need are enough
 * @param settings how gradients are taken on them
 */
public record GradientPlan(WindowSettings windows, GradientSettings settings) {
    /** Windows unless told otherwise. */
    public static final int DEFAULT_WINDOWS = 16;

    /** Tokens of each, or as many as the Grams' windows have, if that is fewer. */
    public static final int DEFAULT_WINDOW = 512;

    /**
     * Gradients beside Grams of {@code grams}, sampled as those are.
     *
     * @param count  windows, at least 1
     * @param length tokens of each, if not the default
     */
    public static GradientPlan beside(WindowSettings grams, int count, OptionalInt length, GradientSettings settings) {
        return new GradientPlan(
                new WindowSettings(
                        count, length.orElse(Math.min(DEFAULT_WINDOW, grams.length())), grams.random(), grams.seed()),
                settings);
    }
}
