package io.cospadi.factorization;

import io.cospadi.tensor.Codes;
import java.util.Arrays;

/**
 * {@code Ŵ (d2, d1) = codes (d2, k) · dictionary (k, d1)}.
 *
 * @param d1         input features
 * @param dictionary bf16 patterns (k, d1), row-major, one atom a row; shared, not copied
 * @param codes      (d2, k); every value is exactly representable in the top 14 bits of a single
 */
public record SparseFactors(int d1, short[] dictionary, Codes codes) implements Factors {
    public SparseFactors {
        if (d1 < 1 || dictionary.length != (long) codes.k() * d1) {
            throw new IllegalArgumentException("a dictionary of " + codes.k() + " atoms with d1=" + d1 + " holds "
                    + (long) codes.k() * d1 + " values, got " + dictionary.length);
        }
    }

    @Override
    public int d2() {
        return codes.rows();
    }

    /** d1, d2, k and s. */
    public FactorShape shape() {
        return new FactorShape(d1, codes.rows(), codes.k(), codes.s());
    }

    @Override
    public SparseFactors rows(int from, int count) {
        int s = codes.s();
        return new SparseFactors(
                d1,
                dictionary,
                new Codes(
                        count,
                        codes.k(),
                        s,
                        Arrays.copyOfRange(codes.atoms(), from * s, (from + count) * s),
                        Arrays.copyOfRange(codes.values(), from * s, (from + count) * s)));
    }

    @Override
    public long bytesOnDisk() {
        return shape().bytesOnDisk();
    }
}
