package io.cospadi.backend;

import io.cospadi.tensor.TopBits;
import java.util.function.DoubleBinaryOperator;
import org.bytedeco.openblas.global.openblas_full;

/** Verbs that touch each element once, tile by tile through arrays, or by OpenBLAS where it has the very operation. */
final class Elementwise {
    private static final int TILE = Transfers.TILE;
    private static final int TASK = Transfers.TASK;

    private final Workers workers;

    Elementwise(Workers workers) {
        this.workers = workers;
    }

    @FunctionalInterface
    private interface Tile {
        void run(long at, int count, Scratch scratch);
    }

    private void tiles(long elements, Tile tile) {
        workers.run(Transfers.tasks(elements), (number, scratch) -> {
            long end = Math.min((long) (number + 1) * TASK, elements);
            for (long at = (long) number * TASK; at < end; at += TILE) {
                tile.run(at, (int) Math.min(TILE, end - at), scratch);
            }
        });
    }

    private void rows(NativeMatrix matrix, Reductions.Row body) {
        Reductions.rows(workers, matrix.rows(), matrix.cols(), body);
    }

    void axpy(double alpha, NativeMatrix x, NativeMatrix y) {
        tiles(x.elements(), (at, count, scratch) -> axpyRun(alpha, x, y, at, count, scratch));
    }

    private static void axpyRun(double alpha, NativeMatrix x, NativeMatrix y, long at, int count, Scratch scratch) {
        if (x.isF32()) {
            float[] from = scratch.floats(0, count);
            float[] to = scratch.floats(1, count);
            float factor = (float) alpha;
            x.get(at, from, count);
            y.get(at, to, count);
            for (int i = 0; i < count; i++) {
                to[i] += factor * from[i];
            }
            y.put(at, to, count);
        } else {
            double[] from = scratch.doubles(0, count);
            double[] to = scratch.doubles(1, count);
            x.get(at, from, count);
            y.get(at, to, count);
            for (int i = 0; i < count; i++) {
                to[i] += alpha * from[i];
            }
            y.put(at, to, count);
        }
    }

    void scale(double alpha, NativeMatrix matrix) {
        tiles(matrix.elements(), (at, count, scratch) -> scaleRun(alpha, matrix, at, count, scratch));
    }

    private static void scaleRun(double alpha, NativeMatrix matrix, long at, int count, Scratch scratch) {
        if (matrix.isF32()) {
            float[] values = scratch.floats(0, count);
            float factor = (float) alpha;
            matrix.get(at, values, count);
            for (int i = 0; i < count; i++) {
                values[i] *= factor;
            }
            matrix.put(at, values, count);
        } else {
            double[] values = scratch.doubles(0, count);
            matrix.get(at, values, count);
            for (int i = 0; i < count; i++) {
                values[i] *= alpha;
            }
            matrix.put(at, values, count);
        }
    }

    /** Each element to the nearest single with so many top bits. */
    void keepTopBits(NativeMatrix matrix, int bits) {
        tiles(matrix.elements(), (at, count, scratch) -> topBitsRun(matrix, bits, at, count, scratch));
    }

    private static void topBitsRun(NativeMatrix matrix, int bits, long at, int count, Scratch scratch) {
        if (matrix.isF32()) {
            float[] values = scratch.floats(0, count);
            matrix.get(at, values, count);
            for (int i = 0; i < count; i++) {
                values[i] = TopBits.round(values[i], bits);
            }
            matrix.put(at, values, count);
        } else {
            double[] values = scratch.doubles(0, count);
            matrix.get(at, values, count);
            for (int i = 0; i < count; i++) {
                values[i] = TopBits.round((float) values[i], bits);
            }
            matrix.put(at, values, count);
        }
    }

    /** {@code out <- (1 + t) x − t y}, F32. */
    void extrapolate(double t, NativeMatrix x, NativeMatrix y, NativeMatrix out) {
        float along = (float) (1 + t);
        float back = (float) t;
        tiles(x.elements(), (at, count, scratch) -> {
            float[] to = scratch.floats(0, count);
            float[] from = scratch.floats(1, count);
            x.get(at, to, count);
            y.get(at, from, count);
            for (int i = 0; i < count; i++) {
                to[i] = along * to[i] - back * from[i];
            }
            out.put(at, to, count);
        });
    }

    void scaleRows(NativeMatrix matrix, NativeMatrix factors) {
        int cols = matrix.cols();
        double[] each = vector(factors);
        rows(matrix, (row, scratch) -> scaleRun(each[row], matrix, (long) row * cols, cols, scratch));
    }

    void scaleColumns(NativeMatrix matrix, NativeMatrix factors) {
        int cols = matrix.cols();
        if (matrix.isF32()) {
            float[] each = new float[cols];
            factors.get(0, each, cols);
            rows(matrix, (row, scratch) -> {
                float[] values = scratch.floats(0, cols);
                matrix.get((long) row * cols, values, cols);
                for (int j = 0; j < cols; j++) {
                    values[j] *= each[j];
                }
                matrix.put((long) row * cols, values, cols);
            });
        } else {
            double[] each = vector(factors);
            rows(matrix, (row, scratch) -> {
                double[] values = scratch.doubles(0, cols);
                matrix.get((long) row * cols, values, cols);
                for (int j = 0; j < cols; j++) {
                    values[j] *= each[j];
                }
                matrix.put((long) row * cols, values, cols);
            });
        }
    }

    void addBias(NativeMatrix x, NativeMatrix bias) {
        int cols = x.cols();
        float[] added = new float[cols];
        bias.get(0, added, cols);
        rows(x, (row, scratch) -> {
            float[] values = scratch.floats(0, cols);
            x.get((long) row * cols, values, cols);
            for (int j = 0; j < cols; j++) {
                values[j] += added[j];
            }
            x.put((long) row * cols, values, cols);
        });
    }

    void siluMultiply(NativeMatrix gate, NativeMatrix up) {
        tiles(gate.elements(), (at, count, scratch) -> {
            float[] g = scratch.floats(0, count);
            float[] u = scratch.floats(1, count);
            gate.get(at, g, count);
            up.get(at, u, count);
            float[] e = scratch.floats(2, count);
            for (int i = 0; i < count; i++) {
                e[i] = -g[i];
            }
            FastExp.each(e, 0, count, scratch.floats(3, count));
            for (int i = 0; i < count; i++) {
                g[i] = g[i] / (1 + e[i]) * u[i];
            }
            gate.put(at, g, count);
        });
    }

    void restrictTo(NativeMatrix pattern, NativeMatrix values, NativeMatrix out) {
        tiles(pattern.elements(), (at, count, scratch) -> {
            int[] kept = scratch.ints(0, count);
            int[] bits = scratch.ints(1, count);
            pattern.getBits(at, kept, count);
            values.getBits(at, bits, count);
            for (int i = 0; i < count; i++) {
                // all ones where the pattern is neither +0 nor -0
                int magnitude = kept[i] & 0x7FFFFFFF;
                bits[i] &= -magnitude >> 31;
            }
            out.putBits(at, bits, count);
        });
    }

    void diagonal(NativeMatrix matrix, NativeMatrix out) {
        int n = matrix.rows();
        if (n == 0) {
            return;
        }
        if (matrix.isF32()) {
            openblas_full.cblas_scopy(n, matrix.floats(0), n + 1, out.floats(0), 1);
        } else {
            openblas_full.cblas_dcopy(n, matrix.doubles(0), n + 1, out.doubles(0), 1);
        }
    }

    void addToDiagonal(NativeMatrix matrix, double value) {
        int n = matrix.rows();
        for (long i = 0; i < n; i++) {
            long at = i * n + i;
            if (matrix.isF32()) {
                matrix.setFloat(at, (float) (matrix.getFloat(at) + value));
            } else {
                matrix.setDouble(at, matrix.getDouble(at) + value);
            }
        }
    }

    void power(NativeMatrix values, double exponent, NativeMatrix out) {
        map(values, values, out, (x, ignored) -> x > 0 ? Math.pow(x, exponent) : 0);
    }

    void ratio(NativeMatrix numerators, NativeMatrix denominators, NativeMatrix out) {
        map(numerators, denominators, out, (x, y) -> y > 0 ? x / y : 0);
    }

    /** Computed in f64 whatever the type. */
    private void map(NativeMatrix a, NativeMatrix b, NativeMatrix out, DoubleBinaryOperator operator) {
        tiles(a.elements(), (at, count, scratch) -> {
            double[] x = widened(a, at, count, scratch, 0);
            double[] y = widened(b, at, count, scratch, 1);
            for (int i = 0; i < count; i++) {
                x[i] = operator.applyAsDouble(x[i], y[i]);
            }
            if (out.isF32()) {
                float[] narrow = scratch.floats(0, count);
                for (int i = 0; i < count; i++) {
                    narrow[i] = (float) x[i];
                }
                out.put(at, narrow, count);
            } else {
                out.put(at, x, count);
            }
        });
    }

    private static double[] widened(NativeMatrix matrix, long at, int count, Scratch scratch, int slot) {
        double[] values = scratch.doubles(slot, count);
        if (matrix.isF32()) {
            float[] narrow = scratch.floats(slot, count);
            matrix.get(at, narrow, count);
            for (int i = 0; i < count; i++) {
                values[i] = narrow[i];
            }
        } else {
            matrix.get(at, values, count);
        }
        return values;
    }

    void axpyRows(NativeMatrix factors, NativeMatrix x, NativeMatrix y) {
        int cols = x.cols();
        double[] each = vector(factors);
        rows(x, (row, scratch) -> axpyRun(each[row], x, y, (long) row * cols, cols, scratch));
    }

    /** A vector's values as f64. */
    private static double[] vector(NativeMatrix matrix) {
        int n = Math.toIntExact(matrix.elements());
        double[] wide = new double[n];
        if (matrix.isF32()) {
            float[] narrow = new float[n];
            matrix.get(0, narrow, n);
            for (int i = 0; i < n; i++) {
                wide[i] = narrow[i];
            }
        } else {
            matrix.get(0, wide, n);
        }
        return wide;
    }
}
