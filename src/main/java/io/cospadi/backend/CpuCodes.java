package io.cospadi.backend;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Packed codes: for each row a bit mask of whole 64-bit words and s 16-bit values in atom order. That is 2 s + k/8 bytes a
 * row, against 4 k for a dense f32 row.
 */
final class CpuCodes implements SparseMatrix {
    private final int rows;
    private final int cols;
    private final int s;
    private final AtomicLong allocated;
    private long[] mask;
    private short[] values;

    CpuCodes(Codes codes, AtomicLong allocated) {
        this.rows = codes.rows();
        this.cols = codes.k();
        this.s = codes.s();
        this.allocated = allocated;
        int words = words();
        mask = new long[Math.multiplyExact(rows, words)];
        values = new short[Math.multiplyExact(rows, s)];
        for (int i = 0; i < rows; i++) {
            for (int p = i * s; p < i * s + s; p++) {
                int atom = codes.atoms()[p];
                mask[i * words + (atom >> 6)] |= 1L << (atom & 63);
                values[p] = Bfloat16.fromFloat(codes.values()[p]);
                if (Bfloat16.toFloat(values[p]) != codes.values()[p]) {
                    throw new IllegalArgumentException("row " + i + ", atom " + atom + ": the value "
                            + codes.values()[p] + " needs more than bf16");
                }
            }
        }
        allocated.addAndGet(bytes());
    }

    static CpuCodes of(SparseMatrix matrix) {
        if (!(matrix instanceof CpuCodes codes)) {
            throw new IllegalArgumentException("codes of another backend: " + matrix.getClass());
        }
        if (codes.mask == null) {
            throw new IllegalStateException("codes (" + codes.rows + ", " + codes.cols + ") are closed");
        }
        return codes;
    }

    private int words() {
        return (cols + 63) / 64;
    }

    /** Writes row i densely into {@code dense[start .. start+cols-1]}, which must be zero. */
    void unpack(int i, float[] dense, int start) {
        int words = words();
        int value = i * s;
        for (int w = 0; w < words; w++) {
            long bits = mask[i * words + w];
            int base = start + (w << 6);
            while (bits != 0) {
                dense[base + Long.numberOfTrailingZeros(bits)] = Bfloat16.toFloat(values[value++]);
                bits &= bits - 1;
            }
        }
    }

    /** Inner product of row i with {@code z[start .. start+cols-1]}. */
    float dot(int i, float[] z, int start) {
        int words = words();
        int value = i * s;
        float even = 0;
        float odd = 0;
        for (int w = 0; w < words; w++) {
            long bits = mask[i * words + w];
            int base = start + (w << 6);
            while (bits != 0) {
                even += Bfloat16.toFloat(values[value++]) * z[base + Long.numberOfTrailingZeros(bits)];
                bits &= bits - 1;
                if (bits == 0) {
                    break;
                }
                odd += Bfloat16.toFloat(values[value++]) * z[base + Long.numberOfTrailingZeros(bits)];
                bits &= bits - 1;
            }
        }
        return even + odd;
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
        return s;
    }

    @Override
    public long bytes() {
        return 8L * rows * words() + 2L * rows * s;
    }

    @Override
    public void close() {
        if (mask != null) {
            allocated.addAndGet(-bytes());
            mask = null;
            values = null;
        }
    }
}
