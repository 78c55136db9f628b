package io.cospadi.benchmark;

import java.util.Arrays;

/**
 * Seconds of one run of a verb.
 *
 * @param median of all repetitions
 * @param slow   which nine in ten do not exceed
 */
public record Times(double median, double slow) {
    /** @param seconds of each repetition; sorted in place */
    static Times of(double[] seconds) {
        Arrays.sort(seconds);
        int n = seconds.length;
        return new Times(seconds[n / 2], seconds[Math.min(n - 1, n * 9 / 10)]);
    }
}
