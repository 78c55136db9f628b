package io.cospadi.backend;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Codes in memory as 16-bit values, which hold a 14-bit code exactly, zeros between them included: two to a 32-bit word. Word p
 * of row i, at {@code i * words + p} with {@code words = ceil(k / 2)}, holds column p in its low half and column
 * {@code words + p} in its high half, each the upper half of the f32's pattern.
 *
 * <p>At s = k / 2 this takes 1.8 times the bytes of the file's mask and values, half of those of f32. In return a row is
 * unpacked by a shift and a mask, in loops that the compiler vectorises; walking a bit mask took 2.7 times as long.
 */
final class PackedCodeMatrix implements SparseMatrix {
    private final int rows;
    private final int cols;
    private final int perRow;
    private final int words;
    private final NativeBlock block;

    /** @param codes whose values 16 bits hold */
    PackedCodeMatrix(Codes codes, AtomicLong account) {
        rows = codes.rows();
        cols = codes.k();
        perRow = codes.s();
        words = (cols + 1) / 2;
        block = new NativeBlock(bytes(rows, cols), account).ofFloats();
        int[] row = new int[words];
        for (int i = 0; i < rows; i++) {
            Arrays.fill(row, 0);
            for (int p = i * perRow; p < (i + 1) * perRow; p++) {
                int atom = codes.atoms()[p];
                int half = Bfloat16.fromFloat(codes.values()[p]) & 0xFFFF;
                row[atom < words ? atom : atom - words] |= atom < words ? half : half << 16;
            }
            block.put((long) i * words, row, 0, words);
        }
    }

    private PackedCodeMatrix(PackedCodeMatrix other, AtomicLong account) {
        rows = other.rows;
        cols = other.cols;
        perRow = other.perRow;
        words = other.words;
        block = new NativeBlock(other.block.bytes(), account).ofFloats();
        int[] row = new int[words];
        for (int i = 0; i < rows; i++) {
            other.block.get((long) i * words, row, 0, words);
            block.put((long) i * words, row, 0, words);
        }
    }

    /** Of codes (rows, cols). */
    static long bytes(int rows, int cols) {
        return (long) rows * ((cols + 1) / 2) * Integer.BYTES;
    }

    /** As {@link Storage#duplicate}. */
    PackedCodeMatrix duplicate(AtomicLong account) {
        return new PackedCodeMatrix(this, account);
    }

    /** Floats from one unpacked row to the next: all columns, and one more that is 0 where their number is odd. */
    int stride() {
        return 2 * words;
    }

    /** Writes rows {@code from .. from+count-1} as f32 to {@code to}, {@link #stride} floats a row. */
    void unpack(int from, int count, NativeBlock to, Scratch scratch) {
        int[] packed = scratch.ints(0, words);
        int[] low = scratch.ints(1, words);
        for (int i = 0; i < count; i++) {
            block.get((long) (from + i) * words, packed, 0, words);
            for (int p = 0; p < words; p++) {
                low[p] = packed[p] << 16;
                packed[p] &= 0xFFFF0000;
            }
            to.put((long) i * stride(), low, 0, words);
            to.put((long) i * stride() + words, packed, 0, words);
        }
    }

    /** The codes as the processor's own, still open. */
    static PackedCodeMatrix own(SparseMatrix codes) {
        if (!(codes instanceof PackedCodeMatrix mine)) {
            throw new IllegalArgumentException("codes of another backend: " + codes);
        }
        if (mine.block.isClosed()) {
            throw new IllegalStateException("codes " + mine.shape() + " are used after they were closed");
        }
        return mine;
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
        return block.bytes();
    }

    @Override
    public void close() {
        block.close();
    }
}
