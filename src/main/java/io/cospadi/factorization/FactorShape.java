package io.cospadi.factorization;

import io.cospadi.quantization.CodePacking;
import io.cospadi.quantization.Precision;

/**
 * Shape of one sparsely factored projection: {@code W (d2, d1) ~ codes (d2, k) · dictionary (k, d1)} with s nonzeros in
 * each row of the codes; and what it costs on disk.
 *
 * @param d1 input features: columns of W and of the dictionary
 * @param d2 output features: rows of W and of the codes
 * @param k  atoms: rows of the dictionary, columns of the codes
 * @param s  nonzeros in each row of the codes, {@code 1 <= s <= k}
 */
public record FactorShape(int d1, int d2, int k, int s) {
    public FactorShape {
        if (d1 < 1 || d2 < 1) {
            throw new IllegalArgumentException("W needs d1, d2 >= 1, got d1=" + d1 + ", d2=" + d2);
        }
        if (s < 1 || s > k) {
            throw new IllegalArgumentException("need 1 <= s <= k, got s=" + s + ", k=" + k);
        }
    }

    /**
     * Bytes of the three stored tensors: bf16 dictionary, 14-bit codes and bit mask, each row of the latter two padded to
     * a byte: {@code 2·k·d1 + d2·ceil(14 s / 8) + d2·ceil(k / 8)}. For d1 = 4096, d2 = 12288, k = 3932, s = 1966 these
     * are 80,523,264.
     */
    public long bytesOnDisk() {
        return bytesOnDisk(Precision.DEFAULT);
    }

    /** The same in other bits, the scales of levels included. */
    public long bytesOnDisk(Precision precision) {
        return k * precision.atomBytes(d1) + d2 * (precision.codeRowBytes(s) + CodePacking.maskRowBytes(k));
    }

    /** Share saved of the {@code 2·d1·d2} bytes of a 16-bit dense W; negative when the factors outgrow it. */
    public double compressionRatio() {
        return compressionRatio(Precision.DEFAULT);
    }

    /** The same in other bits. */
    public double compressionRatio(Precision precision) {
        long dense = 2L * d1 * d2;
        return (dense - bytesOnDisk(precision)) / (double) dense;
    }
}
