package io.cospadi.backend;

import java.util.Arrays;

/** The gradients that go row by row, or element by element. */
final class RowGradients {
    /** Columns that one task sums over all rows. */
    private static final int COLUMNS = 256;

    private final Workers workers;

    RowGradients(Workers workers) {
        this.workers = workers;
    }

    void rmsNorm(NativeMatrix x, NativeMatrix weight, double eps, NativeMatrix gradient) {
        int cols = x.cols();
        int group = weight.cols();
        float[] gain = new float[group];
        weight.get(0, gain, group);
        Reductions.rows(workers, x.rows(), cols, (row, scratch) -> {
            float[] values = scratch.floats(0, cols);
            float[] slopes = scratch.floats(1, cols);
            x.get((long) row * cols, values, cols);
            gradient.get((long) row * cols, slopes, cols);
            for (int from = 0; from < cols; from += group) {
                normalized(values, slopes, from, gain, eps);
            }
            gradient.put((long) row * cols, slopes, cols);
        });
    }

    private static void normalized(float[] x, float[] gradient, int from, float[] gain, double eps) {
        int group = gain.length;
        double squares = 0;
        double along = 0;
        for (int j = 0; j < group; j++) {
            double value = x[from + j];
            gradient[from + j] *= gain[j];
            squares += value * value;
            along += value * gradient[from + j];
        }
        double scale = 1 / Math.sqrt(squares / group + eps);
        double pull = scale * scale * scale * along / group;
        for (int j = 0; j < group; j++) {
            gradient[from + j] = (float) (scale * gradient[from + j] - pull * x[from + j]);
        }
    }

    void siluMultiply(NativeMatrix gate, NativeMatrix up, NativeMatrix gradient) {
        int cols = gate.cols();
        Reductions.rows(workers, gate.rows(), cols, (row, scratch) -> {
            long at = (long) row * cols;
            float[] g = scratch.floats(0, cols);
            float[] u = scratch.floats(1, cols);
            float[] slope = scratch.floats(2, cols);
            float[] e = scratch.floats(3, cols);
            gate.get(at, g, cols);
            up.get(at, u, cols);
            gradient.get(at, slope, cols);
            for (int j = 0; j < cols; j++) {
                e[j] = -g[j];
            }
            FastExp.each(e, 0, cols, scratch.floats(4, cols));
            for (int j = 0; j < cols; j++) {
                float sigmoid = 1 / (1 + e[j]);
                float ofGate = slope[j] * u[j] * sigmoid * (1 + g[j] * (1 - sigmoid));
                u[j] = slope[j] * g[j] * sigmoid;
                g[j] = ofGate;
            }
            gate.put(at, g, cols);
            up.put(at, u, cols);
        });
    }

    void sample(NativeMatrix logProbabilities, double[] uniforms, NativeMatrix columns) {
        int cols = logProbabilities.cols();
        Reductions.rows(workers, uniforms.length, cols, (row, scratch) -> {
            float[] p = scratch.floats(0, cols);
            logProbabilities.get((long) row * cols, p, cols);
            double sum = FastExp.eachBelow(0, p, 0, cols, scratch.floats(1, cols));
            double left = uniforms[row] * sum;
            int column = 0;
            while (column < cols - 1 && left >= p[column]) {
                left -= p[column++];
            }
            columns.setDouble(row, column);
        });
    }

    void likelihood(NativeMatrix logProbabilities, NativeMatrix targets) {
        int cols = logProbabilities.cols();
        Reductions.rows(workers, targets.rows(), cols, (row, scratch) -> {
            float[] p = scratch.floats(0, cols);
            logProbabilities.get((long) row * cols, p, cols);
            double target = targets.getDouble(row);
            if (target < 0) {
                Arrays.fill(p, 0, cols, 0);
            } else {
                FastExp.each(p, 0, cols, scratch.floats(1, cols));
                p[(int) target] -= 1;
            }
            logProbabilities.put((long) row * cols, p, cols);
        });
    }

    void clippingFactors(NativeMatrix squares, double clipping, NativeMatrix factors) {
        int count = squares.cols();
        float[] values = new float[count];
        squares.get(0, values, count);
        float[] sorted = values.clone();
        Arrays.sort(sorted);
        double longest = clipping * Math.sqrt(count == 0 ? 0 : sorted[(count - 1) / 2]);
        for (int i = 0; i < count; i++) {
            double norm = Math.sqrt(values[i]);
            values[i] = norm > longest && longest > 0 ? (float) (longest / norm) : 1;
        }
        factors.put(0, values, count);
    }

    void addSquares(NativeMatrix x, NativeMatrix factors, NativeMatrix sums) {
        int rows = x.rows();
        int cols = x.cols();
        float[] scale = new float[rows];
        factors.get(0, scale, rows);
        workers.run((cols + COLUMNS - 1) / COLUMNS, (number, scratch) -> {
            int from = number * COLUMNS;
            int count = Math.min(COLUMNS, cols - from);
            float[] values = scratch.floats(0, count);
            double[] total = scratch.doubles(0, count);
            sums.get(from, total, count);
            for (int i = 0; i < rows; i++) {
                x.get((long) i * cols + from, values, count);
                for (int j = 0; j < count; j++) {
                    double value = (double) scale[i] * values[j];
                    total[j] += value * value;
                }
            }
            sums.put(from, total, count);
        });
    }
}
