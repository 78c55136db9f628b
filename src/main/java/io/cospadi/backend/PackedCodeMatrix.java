package io.cospadi.backend;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Codes in memory: a bit mask of whole 64-bit words a row, then the values as 16-bit words, which hold a 14-bit value
 * exactly. Atom j of row i has bit {@code j % 64} of mask word {@code i * words + j / 64}, {@code words = ceil(k / 64)}; the
 * value of row i's p-th set bit is value {@code i * s + p}.
 */
final class PackedCodeMatrix implements SparseMatrix {
    private final int rows;
    private final int cols;
    private final int perRow;
    private final int words;
    private final NativeBlock masks;
    private final NativeBlock values;
    private final LongBuffer[] maskViews;
    private final ShortBuffer[] valueViews;

    PackedCodeMatrix(Codes codes, AtomicLong account) {
        rows = codes.rows();
        cols = codes.k();
        perRow = codes.s();
        words = (cols + 63) / 64;
        requireExact(codes);
        masks = new NativeBlock((long) rows * words * Long.BYTES, account);
        values = new NativeBlock((long) rows * perRow * Short.BYTES, account);
        maskViews = masks.longSegments();
        valueViews = values.shortSegments();
        long[] mask = new long[words];
        short[] packed = new short[perRow];
        for (int i = 0; i < rows; i++) {
            java.util.Arrays.fill(mask, 0);
            for (int p = 0; p < perRow; p++) {
                int atom = codes.atoms()[i * perRow + p];
                mask[atom >>> 6] |= 1L << atom;
                packed[p] = Bfloat16.fromFloat(codes.values()[i * perRow + p]);
            }
            put(maskViews, (long) i * words, mask);
            put(valueViews, (long) i * perRow, packed);
        }
    }

    private static void requireExact(Codes codes) {
        for (int i = 0; i < codes.values().length; i++) {
            float value = codes.values()[i];
            if (Bfloat16.round(value) != value) {
                throw new IllegalArgumentException("code value " + value + " of row " + i / codes.s()
                        + " is not representable in 16 bits; round codes before packing them");
            }
        }
    }

    private static void put(LongBuffer[] views, long at, long[] from) {
        for (int i = 0; i < from.length; i++) {
            views[(int) (at + i >>> 27)].put((int) (at + i & (1 << 27) - 1), from[i]);
        }
    }

    private static void put(ShortBuffer[] views, long at, short[] from) {
        for (int i = 0; i < from.length; i++) {
            views[(int) (at + i >>> 29)].put((int) (at + i & (1 << 29) - 1), from[i]);
        }
    }

    /** Copies row i's mask words. */
    void mask(int row, long[] to) {
        long at = (long) row * words;
        for (int done = 0; done < words; ) {
            int from = (int) (at + done & (1 << 27) - 1);
            int run = Math.min(words - done, (1 << 27) - from);
            maskViews[(int) (at + done >>> 27)].get(from, to, done, run);
            done += run;
        }
    }

    /** Copies row i's values, bf16. */
    void values(int row, short[] to) {
        long at = (long) row * perRow;
        for (int done = 0; done < perRow; ) {
            int from = (int) (at + done & (1 << 29) - 1);
            int run = Math.min(perRow - done, (1 << 29) - from);
            valueViews[(int) (at + done >>> 29)].get(from, to, done, run);
            done += run;
        }
    }

    PackedCodeMatrix requireOpen() {
        if (masks.isClosed()) {
            throw new IllegalStateException("codes " + shape() + " are used after they were closed");
        }
        return this;
    }

    String shape() {
        return "(" + rows + ", " + cols + ") with " + perRow + " a row";
    }

    int words() {
        return words;
    }

    @Override
    public int rows() {
        return rows;
    }

    @Override
    public int cols() {
        return cols;
    }

    @Override
    public int nonzerosPerRow() {
        return perRow;
    }

    @Override
    public long bytes() {
        return masks.bytes() + values.bytes();
    }

    @Override
    public void close() {
        masks.close();
        values.close();
    }
}
