package io.cospadi.gpu;

import io.cospadi.tensor.Codes;

/**
 * Codes as {@code packed_gemv.cu} reads them: 16-bit slots that carry 14-bit values and, in their low 2 bits, the row's mask.
 * This page is the layout's specification.
 *
 * <p>Row i has {@link #stride} slots, a multiple of 16 and at least s. The top 14 bits of slot p are those of the f32 pattern
 * of the row's p-th value, atoms ascending, and 0 from slot s on. Its low 2 bits are bits 2p (lowest) and 2p + 1 of the row's
 * mask, whose bit j is set where atom j is stored. Bits from {@code 2 stride} on stand apart: {@link #restWords} words of 32 a
 * row, bit b of word w for atom {@code 2 stride + 32 w + b}. Bits past k are 0.
 *
 * <p>Where a value needs more than 14 bits, no slot of the matrix carries mask bits: all 16 are the value's, and all of the
 * mask stands apart.
 *
 * <p>So at s = k / 2 a row takes 16 bits a nonzero and nothing else, as many as 14-bit values and a mask on disk, but for the
 * padding to 16 slots.
 *
 * <p><b>Example</b>, k = 40, s = 2, atoms 1 and 37 with 1.0 and -2.0: the patterns 3F800000 and C0000000 make the slots
 * {@code 3F82 C000}, then 14 slots of 0; bit 37 is bit 5 of the only word apart, {@code 00000020}.
 */
public final class SlottedCodes {
    private static final int BELOW_14_BITS = (1 << 18) - 1;
    private static final int BELOW_16_BITS = (1 << 16) - 1;

    private final int rows;
    private final int k;
    private final int s;
    private final boolean carrying;
    private final short[] slots;
    private final int[] rest;

    /**
     * Packs codes, exactly.
     *
     * @throws IllegalArgumentException if a value has more than the top 16 bits of its f32 pattern
     */
    public SlottedCodes(Codes codes) {
        rows = codes.rows();
        k = codes.k();
        s = codes.s();
        carrying = fits(codes, BELOW_14_BITS);
        if (!fits(codes, BELOW_16_BITS)) {
            throw new IllegalArgumentException(
                    "a code is not representable in 16 bits; round codes before packing them");
        }
        int stride = stride();
        int restWords = restWords();
        slots = new short[Math.multiplyExact(rows, stride)];
        rest = new int[Math.multiplyExact(rows, restWords)];
        for (int i = 0; i < rows; i++) {
            for (int p = 0; p < s; p++) {
                slots[i * stride + p] |= (short) (Float.floatToRawIntBits(codes.values()[i * s + p]) >>> 16);
                int atom = codes.atoms()[i * s + p];
                int beyond = atom - 32 * carriedWords();
                if (beyond < 0) {
                    slots[i * stride + atom / 2] |= (short) (1 << atom % 2);
                } else {
                    rest[i * restWords + beyond / 32] |= 1 << beyond % 32;
                }
            }
        }
    }

    private static boolean fits(Codes codes, int below) {
        for (float value : codes.values()) {
            if ((Float.floatToRawIntBits(value) & below) != 0) {
                return false;
            }
        }
        return true;
    }

    public int rows() {
        return rows;
    }

    public int k() {
        return k;
    }

    /** Slots a row: s, padded to a multiple of 16. */
    public int stride() {
        return (s + 15) / 16 * 16;
    }

    /** Words of 32 mask bits a row that the slots have no room for. */
    public int restWords() {
        return Math.max(0, (k + 31) / 32 - carriedWords());
    }

    /** Words of 32 mask bits a row that the slots have room for; 0 if they carry none. */
    public int carriedWords() {
        return carrying ? stride() / 16 : 0;
    }

    /** (rows, stride); shared, not copied. */
    public short[] slots() {
        return slots;
    }

    /** (rows, restWords); shared, not copied. */
    public int[] rest() {
        return rest;
    }
}
