package io.cospadi.backend;

import static io.cospadi.backend.OpenBlas.NO_TRANSPOSE;
import static io.cospadi.backend.OpenBlas.ROW_MAJOR;
import static io.cospadi.backend.OpenBlas.TRANSPOSE;

import org.bytedeco.openblas.global.openblas_full;

/**
 * Products with packed codes. For a few tokens each row's set bits pick the entries of z that count; for many, a tile of rows
 * is unpacked to f32 and multiplied densely, which the tokens share.
 */
final class CodeProducts {
    /** Up to this many tokens the sparse dot products read less than unpacking would write. */
    private static final int FEW_TOKENS = 4;

    private static final int SPARSE_ROWS = 64;
    private static final int DENSE_ROWS = 96;

    private final Workers workers;

    CodeProducts(Workers workers) {
        this.workers = workers;
    }

    void multiply(NativeMatrix z, PackedCodeMatrix codes, NativeMatrix out) {
        if (z.rows() == 0 || codes.rows() == 0) {
            return;
        }
        if (z.rows() <= FEW_TOKENS) {
            sparse(z, codes, out);
        } else {
            dense(z, codes, out);
        }
    }

    private void sparse(NativeMatrix z, PackedCodeMatrix codes, NativeMatrix out) {
        int n = z.rows();
        int k = z.cols();
        int d2 = codes.rows();
        float[] tokens = new float[n * k];
        z.get(0, tokens, n * k);
        workers.run((d2 + SPARSE_ROWS - 1) / SPARSE_ROWS, (number, scratch) -> {
            int from = number * SPARSE_ROWS;
            int count = Math.min(SPARSE_ROWS, d2 - from);
            long[] mask = scratch.longs(0, codes.words());
            short[] values = scratch.shorts(0, codes.nonzerosPerRow());
            float[] sums = scratch.floats(0, n * count);
            for (int i = 0; i < count; i++) {
                codes.mask(from + i, mask);
                codes.values(from + i, values);
                for (int token = 0; token < n; token++) {
                    sums[token * count + i] = dot(mask, codes.words(), values, tokens, token * k);
                }
            }
            for (int token = 0; token < n; token++) {
                out.put((long) token * d2 + from, sums, token * count, count);
            }
        });
    }

    private static float dot(long[] mask, int words, short[] values, float[] z, int at) {
        float even = 0;
        float odd = 0;
        int p = 0;
        for (int w = 0; w < words; w++) {
            int base = at + (w << 6);
            long left = mask[w];
            while (left != 0) {
                even += Float.intBitsToFloat(values[p++] << 16) * z[base + Long.numberOfTrailingZeros(left)];
                left &= left - 1;
                if (left == 0) {
                    break;
                }
                odd += Float.intBitsToFloat(values[p++] << 16) * z[base + Long.numberOfTrailingZeros(left)];
                left &= left - 1;
            }
        }
        return even + odd;
    }

    private void dense(NativeMatrix z, PackedCodeMatrix codes, NativeMatrix out) {
        int n = z.rows();
        int k = z.cols();
        int d2 = codes.rows();
        workers.run((d2 + DENSE_ROWS - 1) / DENSE_ROWS, (number, scratch) -> {
            int from = number * DENSE_ROWS;
            int count = Math.min(DENSE_ROWS, d2 - from);
            long[] mask = scratch.longs(0, codes.words());
            short[] values = scratch.shorts(0, codes.nonzerosPerRow());
            int[] bits = scratch.ints(0, k);
            NativeBlock tile = scratch.nativeFloats(0, (long) count * k);
            for (int i = 0; i < count; i++) {
                codes.mask(from + i, mask);
                codes.values(from + i, values);
                unpack(mask, codes.words(), values, bits, k);
                tile.put((long) i * k, bits, 0, k);
            }
            openblas_full.cblas_sgemm(
                    ROW_MAJOR,
                    NO_TRANSPOSE,
                    TRANSPOSE,
                    n,
                    count,
                    k,
                    1,
                    z.floats(0),
                    k,
                    OpenBlas.floats(tile.address()),
                    k,
                    0,
                    out.floats(from),
                    d2);
        });
    }

    private static void unpack(long[] mask, int words, short[] values, int[] bits, int k) {
        java.util.Arrays.fill(bits, 0, k, 0);
        int p = 0;
        for (int w = 0; w < words; w++) {
            for (long left = mask[w]; left != 0; left &= left - 1) {
                bits[(w << 6) + Long.numberOfTrailingZeros(left)] = values[p++] << 16;
            }
        }
    }
}
