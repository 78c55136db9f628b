package io.cospadi.backend;

import java.util.Arrays;
import org.bytedeco.openblas.global.openblas_full;

/**
 * Keeps the s largest magnitudes of a row exactly, ties to the lower index. Magnitudes of finite floats order as their bit
 * patterns do, so it suffices to find a pattern that exactly s of the row reach, by counting: each pass is one loop without
 * branches, which the compiler vectorises. The first guess is the mean magnitude times the ratio that served the row before;
 * from there the counts are interpolated. Rows of one matrix take 4 to 6 passes, where a quickselect would mispredict half of
 * its comparisons and a histogram would wait for its own stores.
 *
 * <p>One instance serves the rows of one task. Rows are finite: a NaN would count as larger than infinity.
 */
final class LargestEntries {
    private static final int MAGNITUDE = 0x7FFFFFFF;

    /** The pattern after infinity's: nothing reaches it. */
    private static final int BEYOND = 0x7F800001;

    /** Share of normal values near their median that an octave holds, and patterns in an octave. */
    private static final double SHARE_OF_OCTAVE = 0.3;

    private static final int OCTAVE = 1 << 23;

    /** Threshold over mean magnitude in the last row; any start is right, a near one is fast. */
    private float ratio = 0.8f;

    /**
     * Zeroes all but the s largest magnitudes of a row.
     *
     * @param matrix F32
     * @param at     the row's first element
     * @param count  elements of the row
     * @param s      {@code 0 <= s <= count}
     */
    void keep(NativeMatrix matrix, long at, int count, int s, Scratch scratch) {
        if (s >= count) {
            return;
        }
        int[] bits = scratch.ints(0, count);
        if (s == 0) {
            Arrays.fill(bits, 0, count, 0);
            matrix.putBits(at, bits, count);
            return;
        }
        float mean = openblas_full.cblas_sasum(count, matrix.floats(at), 1) / count;
        if (mean == 0) {
            return;
        }
        matrix.getBits(at, bits, count);
        int[] magnitudes = scratch.ints(1, count);
        for (int j = 0; j < count; j++) {
            magnitudes[j] = bits[j] & MAGNITUDE;
        }
        int threshold = threshold(magnitudes, count, s, Float.floatToRawIntBits(ratio * mean));
        ratio = Float.intBitsToFloat(threshold) / mean;
        if (!(ratio > 1e-3f && ratio < 1e3f)) {
            ratio = 0.8f;
        }
        cut(bits, count, threshold);
        int surplus = reaching(magnitudes, count, threshold) - s;
        for (int j = count - 1; surplus > 0; j--) {
            if (magnitudes[j] == threshold) {
                bits[j] = 0;
                surplus--;
            }
        }
        matrix.putBits(at, bits, count);
    }

    /** The largest pattern that at least s magnitudes reach, or one above it that exactly s reach as well. */
    private static int threshold(int[] magnitudes, int count, int s, int guess) {
        int low = 0;
        int reachingLow = count;
        int high = BEYOND;
        int reachingHigh = 0;
        int at = Math.max(1, Math.min(BEYOND - 1, guess));
        for (int pass = 1; ; pass++) {
            int found = reaching(magnitudes, count, at);
            if (found == s) {
                return at;
            }
            if (found > s) {
                low = at;
                reachingLow = found;
            } else {
                high = at;
                reachingHigh = found;
            }
            if (high - low == 1) {
                return low;
            }
            if (pass <= 3 && (low == 0 || high == BEYOND)) {
                at += (int) (1.2 * (found - s) * OCTAVE / (SHARE_OF_OCTAVE * count));
            } else if (low == 0) {
                // perhaps fewer than s are not 0
                at = 1;
            } else if (high == BEYOND || (pass & 3) == 0) {
                at = low + (high - low >>> 1);
            } else {
                at = low + (int) ((double) (high - low) * (reachingLow - s) / (reachingLow - reachingHigh));
            }
            at = Math.max(low + 1, Math.min(high - 1, at));
        }
    }

    /** How many magnitudes are at least {@code pattern}, which is positive. */
    private static int reaching(int[] magnitudes, int count, int pattern) {
        int below = pattern - 1;
        int reaching = 0;
        for (int j = 0; j < count; j++) {
            reaching += below - magnitudes[j] >>> 31;
        }
        return reaching;
    }

    private static void cut(int[] bits, int count, int threshold) {
        for (int j = 0; j < count; j++) {
            bits[j] &= ~((bits[j] & MAGNITUDE) - threshold >> 31);
        }
    }
}
