package io.cospadi.backend;

import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas_full;

/** Sparse coding without pursuit: keep the largest entries of each row, after a gradient step or as they are. */
final class HardThreshold {
    private static final int BLOCK_ELEMENTS = 1 << 14;

    private final Workers workers;

    HardThreshold(Workers workers) {
        this.workers = workers;
    }

    void keepLargest(NativeMatrix matrix, int s) {
        int k = matrix.cols();
        blocks(matrix, (from, to, scratch) -> {
            LargestEntries largest = new LargestEntries();
            for (int row = from; row < to; row++) {
                largest.keep(matrix, (long) row * k, k, s, scratch);
            }
        });
    }

    void keepLargestInGroups(NativeMatrix matrix, int kept, int group) {
        int k = matrix.cols();
        LargestOfGroups largest = new LargestOfGroups(kept, group);
        blocks(matrix, (from, to, scratch) -> {
            for (int row = from; row < to; row++) {
                largest.keep(matrix, (long) row * k, k, scratch);
            }
        });
    }

    /** Both dot products, the step, the sum and the selection while the row is in the cache. */
    void step(NativeMatrix codes, NativeMatrix residual, NativeMatrix gradient, NativeMatrix curvature, int s) {
        int k = codes.cols();
        if (k == 0) {
            return;
        }
        blocks(codes, (from, to, scratch) -> {
            LargestEntries largest = new LargestEntries();
            for (int row = from; row < to; row++) {
                long at = (long) row * k;
                move(codes, residual, gradient, curvature, at);
                largest.keep(codes, at, k, s, scratch);
            }
        });
    }

    /** The same with the selection by groups. */
    void stepInGroups(
            NativeMatrix codes,
            NativeMatrix residual,
            NativeMatrix gradient,
            NativeMatrix curvature,
            int kept,
            int group) {
        int k = codes.cols();
        if (k == 0) {
            return;
        }
        LargestOfGroups largest = new LargestOfGroups(kept, group);
        blocks(codes, (from, to, scratch) -> {
            for (int row = from; row < to; row++) {
                long at = (long) row * k;
                move(codes, residual, gradient, curvature, at);
                largest.keep(codes, at, k, scratch);
            }
        });
    }

    /** The row that begins at {@code at}, by the exact line search along its residual. */
    private static void move(
            NativeMatrix codes, NativeMatrix residual, NativeMatrix gradient, NativeMatrix curvature, long at) {
        int k = codes.cols();
        FloatPointer g = gradient.floats(at);
        float squared = openblas_full.cblas_sdot(k, g, 1, g, 1);
        float curved = openblas_full.cblas_sdot(k, g, 1, curvature.floats(at), 1);
        float step = squared > 0 && curved > 0 ? squared / curved : 0;
        openblas_full.cblas_saxpy(k, step, residual.floats(at), 1, codes.floats(at), 1);
    }

    @FunctionalInterface
    private interface Block {
        void run(int from, int to, Scratch scratch);
    }

    /** Rows in blocks that are worth a task. */
    private void blocks(NativeMatrix matrix, Block block) {
        int rows = matrix.rows();
        int length = Math.max(1, BLOCK_ELEMENTS / Math.max(1, matrix.cols()));
        workers.run(
                (rows + length - 1) / length,
                (number, scratch) -> block.run(number * length, Math.min((number + 1) * length, rows), scratch));
    }

    /** For every column, the rows in which it is not 0. */
    static int[][] rowsUsing(NativeMatrix codes) {
        int k = codes.cols();
        int[] bits = new int[k];
        int[] counts = new int[k];
        int[][] rows = new int[k][Math.min(codes.rows(), 16)];
        for (int i = 0; i < codes.rows(); i++) {
            codes.getBits((long) i * k, bits, k);
            for (int j = 0; j < k; j++) {
                if (bits[j] << 1 != 0) {
                    if (counts[j] == rows[j].length) {
                        rows[j] = Arrays.copyOf(rows[j], Math.min(codes.rows(), 2 * counts[j]));
                    }
                    rows[j][counts[j]++] = i;
                }
            }
        }
        for (int j = 0; j < k; j++) {
            rows[j] = Arrays.copyOf(rows[j], counts[j]);
        }
        return rows;
    }
}
