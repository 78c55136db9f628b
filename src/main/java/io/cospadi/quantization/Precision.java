package io.cospadi.quantization;

import io.cospadi.tensor.LevelGrid;

/**
 * In how many bits a projection's numbers are stored. Codes of 14 bits are the top of a single's pattern, codes and dictionary
 * elements of 16 are bf16; of 3 to 8 bits they are levels on a {@link LevelGrid} with a scale for each group.
 *
 * @param valueBits      of a code: 16, 14, or 3 to 8
 * @param dictionaryBits of a dictionary's element: 16, or 3 to 8
 * @param groupSize      neighbouring levels of a row that share a scale; 0: all of the row
 */
public record Precision(int valueBits, int dictionaryBits, int groupSize) {
    /** 14-bit codes over a bf16 dictionary, the paper's own; no scales. */
    public static final Precision DEFAULT = new Precision(CodePacking.VALUE_BITS, 16, 0);

    public Precision {
        if (!isValueBits(valueBits) || !isDictionaryBits(dictionaryBits) || groupSize < 0) {
            throw new IllegalArgumentException(
                    "need value bits of 16, 14 or 3 to 8, dictionary bits of 16 or 3 to 8 and a group size >= 0, got "
                            + valueBits + ", " + dictionaryBits + " and " + groupSize);
        }
    }

    /** Codes of so many bits over a bf16 dictionary, one scale a row where they need one. */
    public static Precision ofValues(int valueBits) {
        return new Precision(valueBits, 16, 0);
    }

    /** Whether codes can have so many bits. */
    public static boolean isValueBits(int bits) {
        return bits == 16 || bits == 14 || LevelGrid.isBits(bits);
    }

    /** Whether a dictionary's elements can have so many bits. */
    public static boolean isDictionaryBits(int bits) {
        return bits == 16 || LevelGrid.isBits(bits);
    }

    /** Whether codes are levels with scales. */
    public boolean valueLevels() {
        return LevelGrid.isBits(valueBits);
    }

    /** Whether dictionary elements are levels with scales. */
    public boolean dictionaryLevels() {
        return LevelGrid.isBits(dictionaryBits);
    }

    /** Whether anything is stored as levels. */
    public boolean hasScales() {
        return valueLevels() || dictionaryLevels();
    }

    /** Whether codes or dictionary have so few bits that rounding may lose as much as the fit. */
    public boolean isBelow8Bits() {
        return Math.min(valueBits, dictionaryBits) < 8;
    }

    /** Scales of a row of {@code count} levels: {@code ceil(count / groupSize)}, or 1. */
    public int scales(int count) {
        return LevelGrid.scales(count, groupSize);
    }

    /** Bytes of a row of s codes, its scales included, its mask not. */
    public long codeRowBytes(int s) {
        return CodePacking.valueRowBytes(s, valueBits) + (valueLevels() ? 2L * scales(s) : 0);
    }

    /** Bytes of an atom of d1 elements, its scales included. */
    public long atomBytes(int d1) {
        return dictionaryLevels() ? LevelPacking.bytes(1, d1, dictionaryBits, groupSize) : 2L * d1;
    }
}
