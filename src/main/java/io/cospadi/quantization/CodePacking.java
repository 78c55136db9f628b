package io.cospadi.quantization;

import io.cospadi.quantization.MalformedRowException.Where;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.LevelGrid;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.IntUnaryOperator;

/**
 * The stored form of codes (d2, k) with exactly s nonzeros a row: this page is its specification.
 *
 * <p><b>Mask</b>, {@code d2} rows of {@code ceil(k/8)} bytes: bit i of byte b, counted from the lowest, stands for atom
 * {@code 8b + i}. Exactly s bits are set in each row; the bits past k are 0.
 *
 * <p><b>Values</b>, {@code d2} rows of {@code ceil(valueBits · s / 8)} bytes, in the order of rising atoms, as one stream of
 * bits, lowest bit of the lowest byte first: value i of a row takes bits {@code valueBits · i .. valueBits · (i+1) - 1}, its
 * own lowest bit first; the bits past {@code valueBits · s} are 0. A value's bits are the top 14 of its f32 pattern (sign, 8
 * of exponent, 5 of mantissa; {@link io.cospadi.tensor.TopBits}), or the top 16, which is bf16, little-endian. It may be 0.
 *
 * <p>Of 3 to 8 bits they are the patterns of a {@link LevelGrid}, and there are <b>scales</b>, bf16 {@code (d2, ceil(s/g))}: of each
 * g values that follow each other in a row, or with g = 0 one for the row. A row's s values are then a row of
 * {@link LevelPacking}.
 *
 * <p><b>Example</b>, k = 10, s = 3, atoms 0, 3, 9 with 1.0, -2.0, 0.15625. The mask is {@code 09 02}. The f32 patterns
 * 3F800000, C0000000, 3E200000 shifted down by 18 are 0FE0, 3000, 0F88; {@code 0FE0 + (3000 << 14) + (0F88 << 28)} is
 * F88C000FE0, so the values are {@code E0 0F 00 8C F8 00}.
 */
public final class CodePacking {
    /** Bits of a stored value unless asked otherwise. */
    public static final int VALUE_BITS = 14;

    private CodePacking() {}

    /** Bytes of one mask row, {@code ceil(k/8)}. */
    public static int maskRowBytes(int k) {
        return (int) ((k + 7L) / 8);
    }

    /**
     * Bytes of one row of values, {@code ceil(valueBits · s / 8)}.
     *
     * @throws IllegalArgumentException if valueBits is no width of codes
     */
    public static int valueRowBytes(int s, int valueBits) {
        if (!Precision.isValueBits(valueBits)) {
            throw new IllegalArgumentException("values of " + valueBits + " bits, expected 16, 14 or 3 to 8");
        }
        return BitRow.bytes(s, valueBits);
    }

    /**
     * Packs codes without rounding.
     *
     * @param codes     every value finite and exactly representable
     * @param precision its value bits and group size count
     * @param scales    bf16 patterns (d2, groups) of levels, else empty; shared, not copied
     * @throws IllegalArgumentException naming row and value if one isn't representable: round first, once
     */
    public static PackedCodes pack(Codes codes, Precision precision, short[] scales) {
        int valueBits = precision.valueBits();
        int s = codes.s();
        int maskRow = maskRowBytes(codes.k());
        int valueRow = valueRowBytes(s, valueBits);
        byte[] mask = new byte[Math.multiplyExact(codes.rows(), maskRow)];
        byte[] values = new byte[Math.multiplyExact(codes.rows(), valueRow)];
        for (int row = 0; row < codes.rows(); row++) {
            int first = row * s;
            for (int p = first; p < first + s; p++) {
                int atom = codes.atoms()[p];
                mask[row * maskRow + (atom >>> 3)] |= (byte) (1 << (atom & 7));
            }
            BitRow.pack(patterns(codes, precision, scales, row), s, valueBits, values, row * valueRow);
        }
        return new PackedCodes(codes.rows(), codes.k(), s, precision, mask, values, scales);
    }

    /** {@link #pack(Codes, Precision, short[])} with values that need no scales. */
    public static PackedCodes pack(Codes codes, int valueBits) {
        return pack(codes, Precision.ofValues(valueBits), new short[0]);
    }

    /** {@link #pack(Codes, int)} with 14 bits. */
    public static PackedCodes pack(Codes codes) {
        return pack(codes, VALUE_BITS);
    }

    /** The bits of each of a row's values. */
    private static IntUnaryOperator patterns(Codes codes, Precision precision, short[] scales, int row) {
        int first = row * codes.s();
        if (precision.valueLevels()) {
            LevelPacking.Row levels =
                    new LevelPacking.Row(scales, row, codes.s(), precision.valueBits(), precision.groupSize());
            return i -> levels.pattern(codes.values()[first + i], i);
        }
        return i -> pattern(codes.values()[first + i], precision.valueBits(), row);
    }

    private static int pattern(float value, int valueBits, int row) {
        int bits = Float.floatToRawIntBits(value);
        if (!Float.isFinite(value) || bits << valueBits != 0) {
            throw new IllegalArgumentException("row " + row + " of the codes holds " + value + ", which has no exact "
                    + valueBits + "-bit form; round before packing");
        }
        return bits >>> (32 - valueBits);
    }

    /** The codes that were packed. */
    public static Codes unpack(PackedCodes packed) {
        return unpack(
                packed.rows(),
                packed.k(),
                packed.s(),
                packed.precision(),
                ByteBuffer.wrap(packed.mask()),
                ByteBuffer.wrap(packed.values()),
                packed.scales());
    }

    /**
     * Codes from stored bytes.
     *
     * @param mask   {@code rows · maskRowBytes(k)} bytes from position to limit; not modified
     * @param values {@code rows · valueRowBytes(s, valueBits)} bytes from position to limit; not modified
     * @param scales of levels, as {@link LevelPacking#scales} reads them, else empty
     * @throws MalformedRowException naming the first row that hasn't exactly s bits, has bits past k, or holds NaN or
     *     infinity; the message is without the tensor's name, which the caller adds
     * @throws IllegalArgumentException if the lengths are wrong
     */
    public static Codes unpack(
            int rows, int k, int s, Precision precision, ByteBuffer mask, ByteBuffer values, short[] scales) {
        int valueBits = precision.valueBits();
        int maskRow = maskRowBytes(k);
        int valueRow = valueRowBytes(s, valueBits);
        if (mask.remaining() != (long) rows * maskRow || values.remaining() != (long) rows * valueRow) {
            throw new IllegalArgumentException("codes (" + rows + ", " + k + ") with s=" + s + " take "
                    + (long) rows * maskRow + " + " + (long) rows * valueRow + " bytes, got " + mask.remaining() + " + "
                    + values.remaining());
        }
        int[] atoms = new int[Math.multiplyExact(rows, s)];
        float[] unpacked = new float[atoms.length];
        ByteBuffer littleMask = mask.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer littleValues = values.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        for (int row = 0; row < rows; row++) {
            unpackMaskRow(littleMask, mask.position() + row * maskRow, k, s, row, atoms);
            int begin = values.position() + row * valueRow;
            if (precision.valueLevels()) {
                LevelPacking.Row levels = new LevelPacking.Row(scales, row, s, valueBits, precision.groupSize());
                levels.unpack(littleValues, begin, Where.VALUES);
                System.arraycopy(levels.values, 0, unpacked, row * s, s);
            } else {
                unpackValueRow(littleValues, begin, s, valueBits, row, unpacked);
            }
        }
        return new Codes(rows, k, s, atoms, unpacked);
    }

    private static void unpackMaskRow(ByteBuffer mask, int begin, int k, int s, int row, int[] atoms) {
        int end = begin + maskRowBytes(k);
        int found = 0;
        for (int at = begin; at < end; at += 8) {
            long word = BitRow.word(mask, at, end);
            found += Long.bitCount(word);
            if (found > s) {
                break;
            }
            int p = row * s + found - Long.bitCount(word);
            for (; word != 0; word &= word - 1) {
                atoms[p++] = 8 * (at - begin) + Long.numberOfTrailingZeros(word);
            }
        }
        if (found != s) {
            throw new MalformedRowException(
                    row, Where.MASK, bitsInRow(mask, begin, end) + " mask bits, expected exactly " + s);
        }
        if (atoms[row * s + s - 1] >= k) {
            throw new MalformedRowException(
                    row, Where.MASK, "mask bit " + atoms[row * s + s - 1] + " set, expected zeros from " + k + " on");
        }
    }

    private static int bitsInRow(ByteBuffer mask, int begin, int end) {
        int bits = 0;
        for (int at = begin; at < end; at += 8) {
            bits += Long.bitCount(BitRow.word(mask, at, end));
        }
        return bits;
    }

    private static void unpackValueRow(ByteBuffer values, int begin, int s, int valueBits, int row, float[] unpacked) {
        int end = begin + valueRowBytes(s, valueBits);
        for (int i = 0; i < s; i++) {
            float value = Float.intBitsToFloat(BitRow.pattern(values, begin, end, i, valueBits) << (32 - valueBits));
            if (!Float.isFinite(value)) {
                throw new MalformedRowException(row, Where.VALUES, "value " + i + " is " + value + ", expected finite");
            }
            unpacked[row * s + i] = value;
        }
        if (!BitRow.isPadded(values, end, s, valueBits)) {
            throw new MalformedRowException(
                    row, Where.VALUES, "padding bits set after its " + s + " values, expected zeros");
        }
    }
}
