package io.cospadi.quantization;

import io.cospadi.quantization.MalformedRowException.Where;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.LevelGrid;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The stored form of a matrix (rows, cols) of levels of b bits, see {@link LevelGrid}: this page is its specification.
 *
 * <p><b>Levels</b>, {@code rows} rows of {@code ceil(b · cols / 8)} bytes: one stream of bits a row, lowest bit of the lowest
 * byte first; the pattern of column i takes bits {@code b·i .. b·(i+1) - 1}, its own lowest bit first; the bits past
 * {@code b · cols} are 0.
 *
 * <p><b>Scales</b>, bf16, little-endian, {@code (rows, ceil(cols / g))}: of the columns {@code g·i .. g·(i+1) - 1}, the last group
 * possibly shorter; with group size 0 one for the row. Each is finite and not negative.
 *
 * <p><b>Example</b>, b = 4, g = 2, a row of 1.5, -0.5, 7.5 over scales 1 and 1: patterns 9, 7 and F, so the levels are
 * {@code 79 0F}, the scales {@code 80 3F 80 3F}.
 */
public final class LevelPacking {
    private LevelPacking() {}

    /** Bytes of one row of levels. */
    public static int rowBytes(int cols, int bits) {
        return BitRow.bytes(cols, bits);
    }

    /** Bytes of (rows, cols) levels, their scales included. */
    public static long bytes(int rows, int cols, int bits, int groupSize) {
        return rows * (rowBytes(cols, bits) + 2L * LevelGrid.scales(cols, groupSize));
    }

    /**
     * Packs a matrix without rounding.
     *
     * @param values bf16 patterns (rows, cols), row-major, each a level under its scale; read only
     * @param scales bf16 patterns (rows, groups); read only
     * @throws IllegalArgumentException naming row and value if one is no level: round first, once
     */
    public static byte[] pack(short[] values, short[] scales, int cols, int bits, int groupSize) {
        int rows = values.length / cols;
        int rowBytes = rowBytes(cols, bits);
        byte[] packed = new byte[Math.multiplyExact(rows, rowBytes)];
        for (int row = 0; row < rows; row++) {
            Row of = new Row(scales, row, cols, bits, groupSize);
            int begin = row * cols;
            BitRow.pack(i -> of.pattern(Bfloat16.toFloat(values[begin + i]), i), cols, bits, packed, row * rowBytes);
        }
        return packed;
    }

    /**
     * A matrix from stored bytes.
     *
     * @param levels {@code rows · rowBytes(cols, bits)} bytes from position to limit; not modified
     * @param scales {@code 2 · rows · groups} bytes from position to limit; not modified
     * @return bf16 patterns (rows, cols)
     * @throws MalformedRowException naming the first row with a scale that is none, a pattern under scale 0, or padding set
     * @throws IllegalArgumentException if the lengths are wrong
     */
    public static short[] unpack(int rows, int cols, int bits, int groupSize, ByteBuffer levels, ByteBuffer scales) {
        int rowBytes = rowBytes(cols, bits);
        short[] wide = scales(rows, cols, groupSize, scales);
        if (levels.remaining() != (long) rows * rowBytes) {
            throw new IllegalArgumentException("levels (" + rows + ", " + cols + ") of " + bits + " bits take "
                    + (long) rows * rowBytes + " bytes, got " + levels.remaining());
        }
        ByteBuffer little = levels.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        short[] values = new short[Math.multiplyExact(rows, cols)];
        for (int row = 0; row < rows; row++) {
            Row of = new Row(wide, row, cols, bits, groupSize);
            of.unpack(little, levels.position() + row * rowBytes, Where.VALUES);
            for (int i = 0; i < cols; i++) {
                values[row * cols + i] = Bfloat16.fromFloat(of.values[i]);
            }
        }
        return values;
    }

    /**
     * Scales of rows of {@code cols} levels from stored bytes.
     *
     * @throws MalformedRowException if one is negative or not finite
     * @throws IllegalArgumentException if the length is wrong
     */
    public static short[] scales(int rows, int cols, int groupSize, ByteBuffer stored) {
        int groups = LevelGrid.scales(cols, groupSize);
        if (stored.remaining() != 2L * rows * groups) {
            throw new IllegalArgumentException("scales (" + rows + ", " + groups + ") take " + 2L * rows * groups
                    + " bytes, got " + stored.remaining());
        }
        short[] scales = new short[rows * groups];
        stored.duplicate().order(ByteOrder.LITTLE_ENDIAN).asShortBuffer().get(scales);
        for (int i = 0; i < scales.length; i++) {
            float scale = Bfloat16.toFloat(scales[i]);
            if (scales[i] < 0 || !Float.isFinite(scale)) {
                throw new MalformedRowException(
                        i / groups,
                        Where.SCALES,
                        "scale " + i % groups + " of " + scale + ", expected finite and not negative");
            }
        }
        return scales;
    }

    /** One row of levels between its numbers and its bits. */
    static final class Row {
        private final short[] scales;
        private final int row;
        private final int bits;
        private final int groupSize;
        private final int groups;
        /** What {@link #unpack} found. */
        final float[] values;

        /** @param scales bf16 patterns (rows, groups), of which this reads one row */
        Row(short[] scales, int row, int count, int bits, int groupSize) {
            this.scales = scales;
            this.row = row;
            this.bits = bits;
            this.groupSize = groupSize;
            groups = LevelGrid.scales(count, groupSize);
            values = new float[count];
        }

        private float scale(int i) {
            return Bfloat16.toFloat(scales[row * groups + (groupSize == 0 ? 0 : i / groupSize)]);
        }

        int pattern(float value, int i) {
            int pattern = LevelGrid.nearest(value, scale(i), bits);
            if (LevelGrid.value(pattern, scale(i), bits) != value) {
                throw new IllegalArgumentException("row " + row + " holds " + value + ", which is no level of " + bits
                        + " bits with the scale " + scale(i) + "; round before packing");
            }
            return pattern;
        }

        void unpack(ByteBuffer stored, int begin, Where where) {
            int end = begin + rowBytes(values.length, bits);
            for (int i = 0; i < values.length; i++) {
                int pattern = BitRow.pattern(stored, begin, end, i, bits);
                float scale = scale(i);
                values[i] = LevelGrid.value(pattern, scale, bits);
                if (scale == 0 && pattern != 0 || !Float.isFinite(values[i])) {
                    throw new MalformedRowException(
                            row,
                            where,
                            "pattern " + pattern + " at " + i + " under the scale " + scale + ", expected "
                                    + (scale == 0 ? "0" : "a finite value"));
                }
            }
            if (!BitRow.isPadded(stored, end, values.length, bits)) {
                throw new MalformedRowException(
                        row, where, "padding bits set after its " + values.length + " values, expected zeros");
            }
        }
    }
}
