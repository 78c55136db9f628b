package io.cospadi.backend;

import java.nio.FloatBuffer;
import java.nio.IntBuffer;

/** {@link SparseCodingVerbs} on the CPU, a block of rows a worker. Shapes have been checked. */
final class CpuSparseCoding {
    private final Workers workers;

    CpuSparseCoding(Workers workers) {
        this.workers = workers;
    }

    void keepLargest(CpuMatrix matrix, int s) {
        int cols = matrix.cols();
        workers.run(matrix.rows(), 8, (from, to, worker) -> {
            TopSelection selection = new TopSelection();
            int[] bits = new int[cols];
            for (int i = from; i < to; i++) {
                IntBuffer row = matrix.bitRows(i, 1);
                row.get(0, bits);
                selection.keepLargest(bits, cols, s);
                row.put(0, bits);
            }
        });
    }

    void restrictTo(CpuMatrix pattern, CpuMatrix values, CpuMatrix out) {
        int cols = pattern.cols();
        workers.run(pattern.rows(), 8, (from, to, worker) -> {
            int[] support = new int[cols];
            int[] bits = new int[cols];
            for (int i = from; i < to; i++) {
                pattern.bitRows(i, 1).get(0, support);
                values.bitRows(i, 1).get(0, bits);
                for (int j = 0; j < cols; j++) {
                    // all ones where the pattern is neither +0 nor -0: x | -x has its sign bit set unless x is 0
                    int magnitude = support[j] & 0x7FFFFFFF;
                    bits[j] &= (magnitude | -magnitude) >> 31;
                }
                out.bitRows(i, 1).put(0, bits);
            }
        });
    }

    void hardThresholdStep(CpuMatrix codes, CpuMatrix residual, CpuMatrix gradient, CpuMatrix curvature, int s) {
        int cols = codes.cols();
        workers.run(codes.rows(), 8, (from, to, worker) -> {
            TopSelection selection = new TopSelection();
            int rows = Math.min(to - from, tileRows(cols));
            float[] code = new float[rows * cols];
            float[] direction = new float[rows * cols];
            float[] other = new float[rows * cols];
            int[] bits = new int[cols];
            for (int first = from; first < to; first += rows) {
                int count = Math.min(rows, to - first);
                int size = count * cols;
                gradient.floatRows(first, count).get(0, direction, 0, size);
                curvature.floatRows(first, count).get(0, other, 0, size);
                float[] steps = new float[count];
                for (int i = 0; i < count; i++) {
                    float squared = dot(direction, direction, i * cols, cols);
                    float curved = dot(direction, other, i * cols, cols);
                    steps[i] = squared > 0 && curved > 0 ? squared / curved : 0;
                }
                FloatBuffer target = codes.floatRows(first, count);
                target.get(0, code, 0, size);
                residual.floatRows(first, count).get(0, other, 0, size);
                IntBuffer stored = codes.bitRows(first, count);
                for (int i = 0; i < count; i++) {
                    int start = i * cols;
                    float step = steps[i];
                    for (int j = 0; j < cols; j++) {
                        code[start + j] += step * other[start + j];
                    }
                    for (int j = 0; j < cols; j++) {
                        bits[j] = Float.floatToRawIntBits(code[start + j]);
                    }
                    selection.keepLargest(bits, cols, s);
                    stored.put(start, bits);
                }
            }
        });
    }

    /** Rows of one tile, so that three tiles stay in the second-level cache. */
    private static int tileRows(int cols) {
        return Math.max(1, (1 << 15) / Math.max(1, cols));
    }

    /** Eight partial sums, in a fixed order: they hide the additions' latency. */
    private static float dot(float[] a, float[] b, int start, int n) {
        float s0 = 0;
        float s1 = 0;
        float s2 = 0;
        float s3 = 0;
        float s4 = 0;
        float s5 = 0;
        float s6 = 0;
        float s7 = 0;
        int i = start;
        int end = start + n;
        for (; i + 8 <= end; i += 8) {
            s0 += a[i] * b[i];
            s1 += a[i + 1] * b[i + 1];
            s2 += a[i + 2] * b[i + 2];
            s3 += a[i + 3] * b[i + 3];
            s4 += a[i + 4] * b[i + 4];
            s5 += a[i + 5] * b[i + 5];
            s6 += a[i + 6] * b[i + 6];
            s7 += a[i + 7] * b[i + 7];
        }
        for (; i < end; i++) {
            s0 += a[i] * b[i];
        }
        return ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7));
    }

    void orthogonalMatchingPursuit(CpuMatrix gram, CpuMatrix correlations, int s, CpuMatrix codes) {
        float[] norms = new float[gram.rows()];
        for (int j = 0; j < norms.length; j++) {
            norms[j] = gram.floatRows(j, 1).get(j);
        }
        workers.run(codes.rows(), 1, (from, to, worker) -> {
            for (int first = from; first < to; first += BatchOmp.ROWS) {
                int count = Math.min(BatchOmp.ROWS, to - first);
                try (BatchOmp pursuit = new BatchOmp(gram, norms, correlations, first, count, s)) {
                    pursuit.run(codes);
                }
            }
        });
    }

    int[][] rowsUsing(CpuMatrix codes) {
        int cols = codes.cols();
        int[] counts = new int[cols];
        float[] row = new float[cols];
        for (int i = 0; i < codes.rows(); i++) {
            codes.floatRows(i, 1).get(0, row);
            for (int j = 0; j < cols; j++) {
                counts[j] += row[j] != 0 ? 1 : 0;
            }
        }
        int[][] rows = new int[cols][];
        for (int j = 0; j < cols; j++) {
            rows[j] = new int[counts[j]];
            counts[j] = 0;
        }
        for (int i = 0; i < codes.rows(); i++) {
            codes.floatRows(i, 1).get(0, row);
            for (int j = 0; j < cols; j++) {
                if (row[j] != 0) {
                    rows[j][counts[j]++] = i;
                }
            }
        }
        return rows;
    }
}
