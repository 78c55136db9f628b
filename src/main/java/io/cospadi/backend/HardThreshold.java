package io.cospadi.backend;

import java.util.Arrays;
import org.bytedeco.openblas.global.openblas_full;

/** Sparse coding without pursuit: keep the largest entries of each row, after a gradient step or as they are. */
final class HardThreshold {
    private final Workers workers;

    HardThreshold(Workers workers) {
        this.workers = workers;
    }

    void keepLargest(NativeMatrix matrix, int s) {
        int k = matrix.cols();
        Reductions.rows(workers, matrix.rows(), k, (row, scratch) -> {
            int[] bits = scratch.ints(0, k);
            matrix.getBits((long) row * k, bits, k);
            LargestEntries.keep(bits, k, s, scratch);
            matrix.putBits((long) row * k, bits, k);
        });
    }

    /** Both dot products, the step, the sum and the selection while the row is in the cache. */
    void step(NativeMatrix codes, NativeMatrix residual, NativeMatrix gradient, NativeMatrix curvature, int s) {
        int k = codes.cols();
        if (k == 0) {
            return;
        }
        Reductions.rows(workers, codes.rows(), k, (row, scratch) -> {
            long at = (long) row * k;
            float squared = openblas_full.cblas_sdot(k, gradient.floats(at), 1, gradient.floats(at), 1);
            float curved = openblas_full.cblas_sdot(k, gradient.floats(at), 1, curvature.floats(at), 1);
            float step = squared > 0 && curved > 0 ? squared / curved : 0;
            float[] values = scratch.floats(0, k);
            float[] correlation = scratch.floats(1, k);
            int[] bits = scratch.ints(0, k);
            codes.get(at, values, k);
            residual.get(at, correlation, k);
            for (int j = 0; j < k; j++) {
                values[j] += step * correlation[j];
            }
            for (int j = 0; j < k; j++) {
                bits[j] = Float.floatToRawIntBits(values[j]);
            }
            LargestEntries.keep(bits, k, s, scratch);
            codes.putBits(at, bits, k);
        });
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
