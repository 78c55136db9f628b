package io.cospadi.backend;

import java.util.Arrays;

/**
 * Keeps the s entries of largest magnitude in one row, ties to the lower index, exactly.
 *
 * <p>Magnitudes are compared as integers (an IEEE bit pattern without its sign grows with the magnitude). One histogram
 * over exponent and three mantissa bits finds the bin that holds the s-th largest; only that bin's few entries are
 * sorted; the row is then masked without branches. A quickselect would mispredict half of its comparisons, which costs
 * more than the matrix products around it. One instance serves one thread.
 */
final class TopSelection {
    private static final int MAGNITUDE = 0x7FFFFFFF;
    private static final int BIN_SHIFT = 20;

    private final int[] histogram = new int[1 << (31 - BIN_SHIFT)];
    private int[] candidates = new int[0];

    /** Zeroes all but the s largest of the first n bit patterns of {@code row}; no NaN; {@code 0 <= s}. */
    void keepLargest(int[] row, int n, int s) {
        if (s >= n) {
            return;
        }
        if (s <= 0) {
            Arrays.fill(row, 0, n, 0);
            return;
        }
        int low = Integer.MAX_VALUE;
        int high = 0;
        for (int j = 0; j < n; j++) {
            int bin = (row[j] & MAGNITUDE) >>> BIN_SHIFT;
            histogram[bin]++;
            low = Math.min(low, bin);
            high = Math.max(high, bin);
        }
        int above = 0;
        int bin = high;
        while (above + histogram[bin] < s) {
            above += histogram[bin];
            bin--;
        }
        int inBin = histogram[bin];
        Arrays.fill(histogram, low, high + 1, 0);

        int wanted = s - above;
        int threshold = rankedInBin(row, n, bin, inBin, wanted);
        int larger = 0;
        int equal = 0;
        for (int i = 0; i < inBin; i++) {
            larger += candidates[i] > threshold ? 1 : 0;
            equal += candidates[i] == threshold ? 1 : 0;
        }
        int keepEqual = wanted - larger;
        if (keepEqual == equal) {
            keepAbove(row, n, threshold - 1);
        } else {
            keepAboveAndFirstEqual(row, n, threshold, keepEqual);
        }
    }

    /** The {@code rank}-th largest magnitude of those in {@code bin}, which are left in {@link #candidates}, sorted. */
    private int rankedInBin(int[] row, int n, int bin, int count, int rank) {
        if (candidates.length < count + 1) {
            candidates = new int[Math.max(64, 2 * count)];
        }
        int found = 0;
        for (int j = 0; j < n; j++) {
            int magnitude = row[j] & MAGNITUDE;
            // every magnitude is written, the place moves on for those of the bin only: no branch to mispredict
            candidates[found] = magnitude;
            found += ((magnitude >>> BIN_SHIFT) == bin) ? 1 : 0;
        }
        Arrays.sort(candidates, 0, count);
        return candidates[count - rank];
    }

    private static void keepAbove(int[] row, int n, int threshold) {
        for (int j = 0; j < n; j++) {
            int bits = row[j];
            row[j] = bits & ((threshold - (bits & MAGNITUDE)) >> 31);
        }
    }

    private static void keepAboveAndFirstEqual(int[] row, int n, int threshold, int keepEqual) {
        int left = keepEqual;
        for (int j = 0; j < n; j++) {
            int magnitude = row[j] & MAGNITUDE;
            if (magnitude == threshold && left > 0) {
                left--;
            } else if (magnitude <= threshold) {
                row[j] = 0;
            }
        }
    }
}
