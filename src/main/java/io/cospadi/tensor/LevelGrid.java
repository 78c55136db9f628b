package io.cospadi.tensor;

/**
 * Numbers of b bits, 3 to 8, on an even grid with a scale between neighbours: pattern p of {@code 0 .. 2^b - 1} stands for
 *
 * <pre>
 *   (p + 1/2 - 2^(b-1)) · scale, rounded to bf16, ties to even
 * </pre>
 *
 * so the grid is symmetric, uses every pattern, and has no zero: a code that is stored is stored because it is not 0. Under
 * scale 0 all patterns stand for 0, and 0 is the one to store. The product is exact in single precision (8 by 8 significant
 * bits) and its rounding, 2^-9 of the value, at most a quarter of a step; with it, whatever the bits, all weights of a model
 * are bf16 numbers and every reader finds the same ones.
 */
public final class LevelGrid {
    /** Fewest bits of a level. */
    public static final int FEWEST_BITS = 3;

    /** Most bits of a level. */
    public static final int MOST_BITS = 8;

    /** Below this a scale is 0, so that no product underflows. */
    private static final double SMALLEST_SCALE = 0x1.0p-60;

    /** Shares of the scale that covers the largest value, tried from there on down. */
    private static final double TRIED_STEP = 1.0 / 32;

    private static final int TRIED = 24;

    /** From here on a value's level might overflow. */
    private static final double BEYOND = 0x1p126;

    private LevelGrid() {}

    /** Whether levels can have so many bits. */
    public static boolean isBits(int bits) {
        return bits >= FEWEST_BITS && bits <= MOST_BITS;
    }

    /** Scales of a row of {@code count} levels in groups of {@code groupSize}, 0 for the whole row. */
    public static int scales(int count, int groupSize) {
        return groupSize == 0 ? 1 : (int) (((long) count + groupSize - 1) / groupSize);
    }

    /** What a pattern stands for. */
    public static float value(int pattern, float scale, int bits) {
        return Bfloat16.round((pattern + 0.5f - (1 << bits - 1)) * scale + 0f); // + 0: no -0 under scale 0
    }

    /** The pattern whose level is nearest; values beyond the grid get its ends. */
    public static int nearest(double value, float scale, int bits) {
        if (scale == 0) {
            return 0;
        }
        int half = 1 << bits - 1;
        return (int) Math.max(0, Math.min(2 * half - 1, Math.floor(value / scale) + half));
    }

    /** The level nearest to a value; NaN for NaN. */
    public static float round(double value, float scale, int bits) {
        return Double.isNaN(value) ? Float.NaN : value(nearest(value, scale, bits), scale, bits);
    }

    /**
     * The scale that loses least of a group, by the sum of squares: from the one that covers the largest magnitude down to a
     * quarter of it, since with few levels the many small values are worth more than the few large ones.
     *
     * @param values the group is {@code values[from .. to-1]}; read only
     * @return bf16 pattern of a scale: 0 where all values are 0 or next to it, NaN where one has no finite level
     */
    public static short scaleFor(double[] values, int from, int to, int bits) {
        double largest = 0;
        for (int i = from; i < to; i++) {
            largest = Math.max(largest, Math.abs(values[i]));
        }
        if (!(largest < BEYOND)) {
            return Bfloat16.fromFloat(Float.NaN);
        }
        double covering = largest / (1 << bits - 1);
        if (covering < SMALLEST_SCALE) {
            return 0;
        }
        short best = 0;
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i <= TRIED; i++) {
            short scale = Bfloat16.fromFloat((float) (covering * (1 - i * TRIED_STEP)));
            double lost = lost(values, from, to, Bfloat16.toFloat(scale), bits, least);
            if (lost < least) {
                least = lost;
                best = scale;
            }
        }
        return best;
    }

    /** Sum of squares lost; stops where it passes {@code least}. */
    private static double lost(double[] values, int from, int to, float scale, int bits, double least) {
        double lost = 0;
        for (int i = from; i < to && lost < least; i++) {
            double error = values[i] - round(values[i], scale, bits);
            lost += error * error;
        }
        return lost;
    }
}
