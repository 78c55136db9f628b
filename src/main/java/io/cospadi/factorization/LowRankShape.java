package io.cospadi.factorization;

/**
 * Shape of one low-rank projection: {@code W (d2, d1) ~ up (d2, r) · down (r, d1)}, both stored in bf16.
 *
 * @param d1 input features
 * @param d2 output features
 * @param r  rank, at least 1
 */
public record LowRankShape(int d1, int d2, int r) {
    public LowRankShape {
        if (d1 < 1 || d2 < 1 || r < 1) {
            throw new IllegalArgumentException("need d1, d2, r >= 1, got d1=" + d1 + ", d2=" + d2 + ", r=" + r);
        }
    }

    /** {@code 2·r·(d1 + d2)}. */
    public long bytesOnDisk() {
        return 2L * r * ((long) d1 + d2);
    }

    /** Share saved of the {@code 2·d1·d2} bytes of a 16-bit dense W. */
    public double compressionRatio() {
        long dense = 2L * d1 * d2;
        return (dense - bytesOnDisk()) / (double) dense;
    }
}
