package io.cospadi.factorization;

import java.util.Arrays;

/**
 * Scales of factors that are stored as levels, see {@link io.cospadi.quantization.LevelPacking}.
 *
 * @param dictionary bf16 patterns (k, groups), or empty where the dictionary is bf16; shared, not copied
 * @param codes      bf16 patterns (d2, groups), or empty where codes have 14 or 16 bits; shared, not copied
 */
public record FactorScales(short[] dictionary, short[] codes) {
    /** Of factors without levels. */
    public static final FactorScales NONE = new FactorScales(new short[0], new short[0]);

    /** Of some of {@code rows} output features. */
    FactorScales ofRows(int rows, int from, int count) {
        int groups = rows == 0 ? 0 : codes.length / rows;
        return new FactorScales(dictionary, Arrays.copyOfRange(codes, from * groups, (from + count) * groups));
    }
}
