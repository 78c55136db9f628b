package io.cospadi.factorization;

import io.cospadi.tensor.Codes;
import java.util.Arrays;

/**
 * {@code Ŵ (d2, d1) = codes (d2, k) · dictionary (k, d1)}.
 *
 * @param d1         input features
 * @param dictionary bf16 patterns (k, d1), row-major, one atom a row; shared, not copied
 * @param codes      (d2, k); every value is exactly representable as it is stored
 * @param scales     of what is stored as levels
 */
public record SparseFactors(int d1, short[] dictionary, Codes codes, FactorScales scales) implements Factors {
    public SparseFactors {
        if (d1 < 1 || dictionary.length != (long) codes.k() * d1) {
            throw new IllegalArgumentException("a dictionary of " + codes.k() + " atoms with d1=" + d1 + " holds "
                    + (long) codes.k() * d1 + " values, got " + dictionary.length);
        }
    }

    /** Factors that need no scales: 14- or 16-bit codes over a bf16 dictionary. */
    public SparseFactors(int d1, short[] dictionary, Codes codes) {
        this(d1, dictionary, codes, FactorScales.NONE);
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
                        Arrays.copyOfRange(codes.values(), from * s, (from + count) * s)),
                scales.ofRows(codes.rows(), from, count));
    }
}
