package io.cospadi.backend;

/** Sums and searches along rows, in f64, each in one fixed order. */
final class Reductions {
    private static final int TILE = Transfers.TILE;
    private static final int TASK = Transfers.TASK;

    private final Workers workers;

    Reductions(Workers workers) {
        this.workers = workers;
    }

    @FunctionalInterface
    interface Row {
        void run(int row, Scratch scratch);
    }

    /** Every row, several to a task when they are short. */
    static void rows(Workers workers, int rows, int cols, Row body) {
        int rowsPerTask = Math.max(1, TASK / 4 / Math.max(1, cols));
        workers.run((rows + rowsPerTask - 1) / rowsPerTask, (number, scratch) -> {
            int end = Math.min((number + 1) * rowsPerTask, rows);
            for (int row = number * rowsPerTask; row < end; row++) {
                body.run(row, scratch);
            }
        });
    }

    void rowDots(NativeMatrix a, NativeMatrix b, NativeMatrix out) {
        int cols = a.cols();
        double[] sums = new double[a.rows()];
        rows(workers, a.rows(), cols, (row, scratch) -> sums[row] = dot(a, b, (long) row * cols, cols, scratch));
        if (out.isF32()) {
            float[] narrow = new float[sums.length];
            for (int i = 0; i < narrow.length; i++) {
                narrow[i] = (float) sums[i];
            }
            out.put(0, narrow, narrow.length);
        } else {
            out.put(0, sums, sums.length);
        }
    }

    double dot(NativeMatrix a, NativeMatrix b) {
        long elements = a.elements();
        double[] partial = new double[Transfers.tasks(elements)];
        workers.run(partial.length, (number, scratch) -> {
            long from = (long) number * TASK;
            partial[number] = dot(a, b, from, (int) Math.min(TASK, elements - from), scratch);
        });
        double sum = 0;
        for (double part : partial) {
            sum += part;
        }
        return sum;
    }

    private static double dot(NativeMatrix a, NativeMatrix b, long from, int length, Scratch scratch) {
        double sum = 0;
        for (int done = 0; done < length; done += TILE) {
            int count = Math.min(TILE, length - done);
            if (a.isF32()) {
                float[] x = scratch.floats(0, count);
                float[] y = scratch.floats(1, count);
                a.get(from + done, x, count);
                b.get(from + done, y, count);
                sum += dot(x, y, count);
            } else {
                double[] x = scratch.doubles(0, count);
                double[] y = scratch.doubles(1, count);
                a.get(from + done, x, count);
                b.get(from + done, y, count);
                sum += dot(x, y, count);
            }
        }
        return sum;
    }

    /** Four sums side by side, so that an addition need not wait for the one before. */
    static double dot(float[] x, float[] y, int count) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int i = 0;
        for (; i + 3 < count; i += 4) {
            s0 += (double) x[i] * y[i];
            s1 += (double) x[i + 1] * y[i + 1];
            s2 += (double) x[i + 2] * y[i + 2];
            s3 += (double) x[i + 3] * y[i + 3];
        }
        for (; i < count; i++) {
            s0 += (double) x[i] * y[i];
        }
        return s0 + s1 + (s2 + s3);
    }

    private static double dot(double[] x, double[] y, int count) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int i = 0;
        for (; i + 3 < count; i += 4) {
            s0 += x[i] * y[i];
            s1 += x[i + 1] * y[i + 1];
            s2 += x[i + 2] * y[i + 2];
            s3 += x[i + 3] * y[i + 3];
        }
        for (; i < count; i++) {
            s0 += x[i] * y[i];
        }
        return s0 + s1 + (s2 + s3);
    }

    void logSoftmax(NativeMatrix logits) {
        int cols = logits.cols();
        rows(workers, logits.rows(), cols, (row, scratch) -> {
            float[] x = scratch.floats(0, cols);
            logits.get((long) row * cols, x, cols);
            float[] copy = scratch.floats(1, cols);
            System.arraycopy(x, 0, copy, 0, cols);
            double normalizer = logSumExp(copy, cols, scratch.floats(2, cols));
            for (int j = 0; j < cols; j++) {
                x[j] = (float) (x[j] - normalizer);
            }
            logits.put((long) row * cols, x, cols);
        });
    }

    void negativeLogLikelihood(NativeMatrix logits, int[] targets, NativeMatrix losses) {
        int cols = logits.cols();
        rows(workers, logits.rows(), cols, (row, scratch) -> {
            float[] x = scratch.floats(0, cols);
            logits.get((long) row * cols, x, cols);
            float target = x[targets[row]];
            losses.setDouble(row, logSumExp(x, cols, scratch.floats(1, cols)) - target);
        });
    }

    /** Leaves exp(x - max) in x. */
    private static double logSumExp(float[] x, int count, float[] powers) {
        float max = FastExp.max(x, 0, count);
        if (Float.isInfinite(max)) {
            // all -inf has no distribution, +inf swallows everything: both are NaN, as in the definition
            return max == Float.NEGATIVE_INFINITY ? max : Double.NaN;
        }
        return max + Math.log(FastExp.eachBelow(max, x, 0, count, powers));
    }

    /** Where p is 0 (log p = -inf) a term is 0, the limit of p log p. */
    void klDivergence(NativeMatrix logP, NativeMatrix logQ, NativeMatrix divergences) {
        int cols = logP.cols();
        rows(workers, logP.rows(), cols, (row, scratch) -> {
            float[] p = scratch.floats(0, cols);
            float[] q = scratch.floats(1, cols);
            logP.get((long) row * cols, p, cols);
            logQ.get((long) row * cols, q, cols);
            float[] share = scratch.floats(2, cols);
            System.arraycopy(p, 0, share, 0, cols);
            FastExp.each(share, 0, cols, scratch.floats(3, cols));
            double sum = 0;
            for (int j = 0; j < cols; j++) {
                if (p[j] > FastExp.LOWEST) {
                    sum += share[j] * ((double) p[j] - q[j]);
                }
            }
            divergences.setDouble(row, sum);
        });
    }

    void argmax(NativeMatrix matrix, NativeMatrix columns) {
        int cols = matrix.cols();
        rows(workers, matrix.rows(), cols, (row, scratch) -> {
            int best = 0;
            if (matrix.isF32()) {
                float[] x = scratch.floats(0, cols);
                matrix.get((long) row * cols, x, cols);
                for (int j = 1; j < cols; j++) {
                    best = x[j] > x[best] ? j : best;
                }
            } else {
                double[] x = scratch.doubles(0, cols);
                matrix.get((long) row * cols, x, cols);
                for (int j = 1; j < cols; j++) {
                    best = x[j] > x[best] ? j : best;
                }
            }
            columns.setDouble(row, best);
        });
    }
}
