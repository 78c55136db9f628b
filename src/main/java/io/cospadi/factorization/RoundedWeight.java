package io.cospadi.factorization;

import io.cospadi.quantization.Levels;
import io.cospadi.tensor.LevelGrid;
import java.util.Arrays;

/**
 * {@code Ŵ (d2, d1)} whole, in levels.
 *
 * @param d1     input features
 * @param d2     output features
 * @param bits   of a level
 * @param levels values (d2, d1) and their scales; shared, not copied
 */
public record RoundedWeight(int d1, int d2, int bits, Levels levels) implements Factors {
    public RoundedWeight {
        if (d1 < 1 || d2 < 1 || !LevelGrid.isBits(bits) || levels.values().length != (long) d1 * d2) {
            throw new IllegalArgumentException("(" + d2 + ", " + d1 + ") levels of 3 to 8 bits are " + (long) d1 * d2
                    + " values, got " + levels.values().length + " of " + bits + " bits");
        }
    }

    @Override
    public RoundedWeight rows(int from, int count) {
        int groups = levels.scales().length / d2;
        return new RoundedWeight(
                d1,
                count,
                bits,
                new Levels(
                        Arrays.copyOfRange(levels.values(), from * d1, (from + count) * d1),
                        Arrays.copyOfRange(levels.scales(), from * groups, (from + count) * groups)));
    }
}
