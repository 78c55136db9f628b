package io.cospadi.backend;

import static io.cospadi.backend.OpenBlas.NO_TRANSPOSE;
import static io.cospadi.backend.OpenBlas.ROW_MAJOR;
import static io.cospadi.backend.OpenBlas.TRANSPOSE;

import org.bytedeco.openblas.global.openblas_full;

/**
 * Products with packed codes: each worker unpacks a tile of rows to f32 in its own scratch, small enough to stay in its
 * cache, and multiplies it densely. The codes are read from memory once, at 16 bits each, however many tokens there are.
 */
final class CodeProducts {
    /** Up to this many tokens a matrix-vector product each beats packing operands for a matrix product. */
    private static final int FEW_TOKENS = 12;

    /** Floats of a tile beside a few tokens: half of a usual second-level cache's least size. */
    private static final int TILE = 1 << 15;

    /** Rows of a tile beside many tokens: enough for an efficient product. */
    private static final int TILE_ROWS = 128;

    /** Floats of such a tile and of the rows of W made from it, at most: 4 MiB a worker. */
    private static final int REBUILDING_TILE = 1 << 20;

    private final Workers workers;

    CodeProducts(Workers workers) {
        this.workers = workers;
    }

    /** As {@link DecoderVerbs#multiplyCodes}. */
    void multiply(NativeMatrix z, PackedCodeMatrix codes, boolean add, NativeMatrix out) {
        int n = z.rows();
        int d2 = codes.rows();
        if (n == 0 || d2 == 0) {
            return;
        }
        float beta = add ? 1 : 0;
        int tile = n <= FEW_TOKENS ? Math.max(16, TILE / codes.stride() / 16 * 16) : TILE_ROWS;
        workers.run((d2 + tile - 1) / tile, (number, scratch) -> {
            int from = number * tile;
            int count = Math.min(tile, d2 - from);
            NativeBlock unpacked = scratch.nativeFloats(0, (long) count * codes.stride());
            codes.unpack(from, count, unpacked, scratch);
            if (n <= FEW_TOKENS) {
                for (int token = 0; token < n; token++) {
                    one(z, token, codes, unpacked, count, beta, out, from);
                }
            } else {
                all(z, unpacked, codes.stride(), count, beta, out, from);
            }
        });
    }

    /** As {@link DecoderVerbs#multiplyRebuilt}: each worker makes rows of W, which are columns of out, and multiplies by them. */
    void multiplyRebuilt(
            NativeMatrix x, NativeMatrix dictionary, PackedCodeMatrix codes, boolean add, NativeMatrix out) {
        int n = x.rows();
        int d1 = x.cols();
        int d2 = codes.rows();
        if (n == 0 || d2 == 0) {
            return;
        }
        int fitting = REBUILDING_TILE / (codes.stride() + d1) / 16 * 16;
        int tile = Math.max(1, Math.min(TILE_ROWS, fitting));
        workers.run((d2 + tile - 1) / tile, (number, scratch) -> {
            int from = number * tile;
            int count = Math.min(tile, d2 - from);
            NativeBlock unpacked = scratch.nativeFloats(0, (long) count * codes.stride());
            codes.unpack(from, count, unpacked, scratch);
            NativeBlock weight = scratch.nativeFloats(1, (long) count * d1);
            openblas_full.cblas_sgemm(
                    ROW_MAJOR,
                    NO_TRANSPOSE,
                    NO_TRANSPOSE,
                    count,
                    d1,
                    codes.cols(),
                    1,
                    OpenBlas.floats(unpacked.address()),
                    codes.stride(),
                    dictionary.floats(0),
                    d1,
                    0,
                    OpenBlas.floats(weight.address()),
                    d1);
            all(x, weight, d1, count, add ? 1 : 0, out, from);
        });
    }

    private static void one(
            NativeMatrix z,
            int token,
            PackedCodeMatrix codes,
            NativeBlock tile,
            int count,
            float beta,
            NativeMatrix out,
            int from) {
        openblas_full.cblas_sgemv(
                ROW_MAJOR,
                NO_TRANSPOSE,
                count,
                codes.cols(),
                1,
                OpenBlas.floats(tile.address()),
                codes.stride(),
                z.floats((long) token * codes.cols()),
                1,
                beta,
                out.floats((long) token * codes.rows() + from),
                1);
    }

    /** Columns {@code from .. from+count-1} of out, of all tokens. */
    private static void all(
            NativeMatrix tokens, NativeBlock tile, int stride, int count, float beta, NativeMatrix out, int from) {
        openblas_full.cblas_sgemm(
                ROW_MAJOR,
                NO_TRANSPOSE,
                TRANSPOSE,
                tokens.rows(),
                count,
                tokens.cols(),
                1,
                tokens.floats(0),
                tokens.cols(),
                OpenBlas.floats(tile.address()),
                stride,
                beta,
                out.floats(from),
                out.cols());
    }
}
