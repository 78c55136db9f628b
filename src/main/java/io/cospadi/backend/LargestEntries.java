package io.cospadi.backend;

import java.util.Arrays;

/**
 * Finds the s-th largest magnitude of a row: magnitudes of finite floats order as their bit patterns do. A histogram over the
 * pattern's top 11 bits (exponent and 3 bits of fraction) finds the bucket that the s-th largest falls into; only that
 * bucket's few patterns are then searched. Rows are finite; a NaN would count as larger than infinity.
 */
final class LargestEntries {
    private static final int SHIFT = 20;
    private static final int BUCKETS = 1 << 31 - SHIFT;
    private static final int MAGNITUDE = 0x7FFFFFFF;

    private LargestEntries() {}

    /**
     * Zeroes all but the s largest magnitudes of {@code bits[0 .. count-1]}, ties to the lower index.
     *
     * @param bits f32 bit patterns, replaced
     * @param s    {@code 0 <= s <= count}
     */
    static void keep(int[] bits, int count, int s, Scratch scratch) {
        if (s >= count) {
            return;
        }
        if (s == 0) {
            Arrays.fill(bits, 0, count, 0);
            return;
        }
        int[] histogram = scratch.ints(4, 2 * BUCKETS);
        int[] candidates = scratch.ints(5, count);
        Arrays.fill(histogram, 0, 2 * BUCKETS, 0);
        // two histograms, so that equal neighbours do not wait for each other's count
        int i = 0;
        for (; i + 1 < count; i += 2) {
            histogram[(bits[i] & MAGNITUDE) >>> SHIFT]++;
            histogram[BUCKETS + ((bits[i + 1] & MAGNITUDE) >>> SHIFT)]++;
        }
        if (i < count) {
            histogram[(bits[i] & MAGNITUDE) >>> SHIFT]++;
        }
        int bucket = BUCKETS - 1;
        int above = 0;
        for (int in = histogram[bucket] + histogram[BUCKETS + bucket]; above + in < s; ) {
            above += in;
            bucket--;
            in = histogram[bucket] + histogram[BUCKETS + bucket];
        }
        int found = 0;
        for (int j = 0; j < count; j++) {
            int magnitude = bits[j] & MAGNITUDE;
            candidates[found] = magnitude;
            // branch-free: the slot is overwritten unless the magnitude is in the bucket
            found += ((magnitude >>> SHIFT ^ bucket) - 1) >>> 31;
        }
        int wanted = s - above;
        int threshold = largest(candidates, found, wanted);
        int larger = 0;
        int equal = 0;
        for (int j = 0; j < found; j++) {
            larger += threshold - candidates[j] >>> 31;
            equal += candidates[j] == threshold ? 1 : 0;
        }
        cut(bits, count, threshold, wanted - larger, equal);
    }

    /** Keeps what is larger than the threshold and the first {@code keepEqual} of the {@code equal} entries equal to it. */
    private static void cut(int[] bits, int count, int threshold, int keepEqual, int equal) {
        for (int j = 0; j < count; j++) {
            bits[j] &= ~((bits[j] & MAGNITUDE) - threshold >> 31);
        }
        if (keepEqual < equal) {
            int left = keepEqual;
            for (int j = 0; j < count; j++) {
                if ((bits[j] & MAGNITUDE) == threshold && left-- <= 0) {
                    bits[j] = 0;
                }
            }
        }
    }

    /** The n-th largest, n counted from 1, by quickselect with a median-of-three pivot; reorders the values. */
    private static int largest(int[] values, int count, int n) {
        int from = 0;
        int to = count - 1;
        int rank = n - 1;
        while (to - from > 12) {
            int pivot = median(values[from], values[from + to >>> 1], values[to]);
            int i = from;
            int j = to;
            while (i <= j) {
                while (values[i] > pivot) {
                    i++;
                }
                while (values[j] < pivot) {
                    j--;
                }
                if (i <= j) {
                    int swapped = values[i];
                    values[i++] = values[j];
                    values[j--] = swapped;
                }
            }
            if (rank <= j) {
                to = j;
            } else if (rank >= i) {
                from = i;
            } else {
                return values[rank];
            }
        }
        for (int i = from + 1; i <= to; i++) {
            int value = values[i];
            int j = i;
            for (; j > from && values[j - 1] < value; j--) {
                values[j] = values[j - 1];
            }
            values[j] = value;
        }
        return values[rank];
    }

    private static int median(int a, int b, int c) {
        return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
    }
}
