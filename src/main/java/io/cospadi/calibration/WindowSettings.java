package io.cospadi.calibration;

/**
 * Which windows are cut from the calibration data.
 *
 * @param windows how many are asked for
 * @param length  tokens of each, at least 2
 * @param random  false: consecutive from the start; true: drawn by the seed from all disjoint windows of the data
 * @param seed    used where random
 */
public record WindowSettings(int windows, int length, boolean random, long seed) {
    /** 256 consecutive windows of 1,024 tokens. */
    public static final WindowSettings DEFAULT = new WindowSettings(256, 1024, false, 42);

    public WindowSettings {
        if (windows < 1 || length < 2) {
            throw new IllegalArgumentException(
                    "need at least one window of at least 2 tokens, got " + windows + " of " + length);
        }
    }
}
