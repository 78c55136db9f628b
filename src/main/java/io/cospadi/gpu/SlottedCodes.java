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
 * <p>So at s = k / 2 a row takes 16 bits a nonzero and nothing else, as many as 14-bit values and a mask on disk, but for the
 * padding to 16 slots.
 *
 * <p><b>Example</b>, k = 40, s = 2, atoms 1 and 37 with 1.0 and -2.0: the patterns 3F800000 and C0000000 make the slots
 * {@code 3F82 C000}, then 14 slots of 0; bit 37 is bit 5 of the only word apart, {@code 00000020}.
 */
public final class SlottedCodes {
    private static final int LOW_BITS = (1 << 18) - 1;

    private final int rows;
    private final int k;
    private final int s;
    private final short[] slots;
    private final int[] rest;

    /**
     * Packs codes, exactly.
     *
     * @throws IllegalArgumentException if a value has more than the top 14 bits of its f32 pattern
     */
    public SlottedCodes(Codes codes) {
        rows = codes.rows();
        k = codes.k();
        s = codes.s();
        int stride = stride();
        int restWords = restWords();
        slots = new short[Math.multiplyExact(rows, stride)];
        rest = new int[Math.multiplyExact(rows, restWords)];
        for (int i = 0; i < rows; i++) {
            for (int p = 0; p < s; p++) {
                slots[i * stride + p] |= (short) (bits14(codes, i, i * s + p) >>> 16);
                int atom = codes.atoms()[i * s + p];
                int beyond = atom - 2 * stride;
                if (beyond < 0) {
                    slots[i * stride + atom / 2] |= (short) (1 << atom % 2);
                } else {
                    rest[i * restWords + beyond / 32] |= 1 << beyond % 32;
                }
            }
        }
    }

    private static int bits14(Codes codes, int row, int position) {
        int bits = Float.floatToRawIntBits(codes.values()[position]);
        if ((bits & LOW_BITS) != 0) {
            throw new IllegalArgumentException("code value " + codes.values()[position] + " of row " + row
                    + " is not representable in 14 bits; round codes before packing them");
        }
        return bits;
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
        return Math.max(0, (k + 31) / 32 - stride() / 16);
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
