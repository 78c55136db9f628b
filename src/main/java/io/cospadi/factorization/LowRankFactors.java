package io.cospadi.factorization;

import java.util.Arrays;

/**
 * {@code Ŵ (d2, d1) = up (d2, r) · down (r, d1)}.
 *
 * @param d1   input features
 * @param d2   output features
 * @param r    rank
 * @param down bf16 patterns (r, d1), row-major; shared, not copied
 * @param up   bf16 patterns (d2, r), row-major; shared, not copied
 */
public record LowRankFactors(int d1, int d2, int r, short[] down, short[] up) implements Factors {
    public LowRankFactors {
        LowRankShape shape = new LowRankShape(d1, d2, r);
        if (down.length != (long) r * d1 || up.length != (long) d2 * r) {
            throw new IllegalArgumentException(shape + " needs " + (long) r * d1 + " and " + (long) d2 * r
                    + " values, got " + down.length + " and " + up.length);
        }
    }

    /** d1, d2 and r. */
    public LowRankShape shape() {
        return new LowRankShape(d1, d2, r);
    }

    @Override
    public LowRankFactors rows(int from, int count) {
        return new LowRankFactors(d1, count, r, down, Arrays.copyOfRange(up, from * r, (from + count) * r));
    }
}
