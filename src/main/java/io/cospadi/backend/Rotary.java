package io.cospadi.backend;

/** Per-token operations of the decoder that need no product: root-mean-square normalisation and rotary embedding. */
final class Rotary {
    private final Workers workers;

    Rotary(Workers workers) {
        this.workers = workers;
    }

    void rmsNorm(NativeMatrix x, NativeMatrix weight, double eps, NativeMatrix out) {
        int cols = x.cols();
        int group = weight.cols();
        float[] gain = new float[group];
        weight.get(0, gain, group);
        Reductions.rows(workers, x.rows(), cols, (row, scratch) -> {
            float[] values = scratch.floats(0, cols);
            x.get((long) row * cols, values, cols);
            for (int from = 0; from < cols; from += group) {
                normalize(values, from, gain, group, eps);
            }
            out.put((long) row * cols, values, cols);
        });
    }

    private static void normalize(float[] values, int from, float[] gain, int group, double eps) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int end = from + group;
        int i = from;
        for (; i + 3 < end; i += 4) {
            s0 += (double) values[i] * values[i];
            s1 += (double) values[i + 1] * values[i + 1];
            s2 += (double) values[i + 2] * values[i + 2];
            s3 += (double) values[i + 3] * values[i + 3];
        }
        for (; i < end; i++) {
            s0 += (double) values[i] * values[i];
        }
        float scale = (float) (1 / Math.sqrt((s0 + s1 + (s2 + s3)) / group + eps));
        for (int j = 0; j < group; j++) {
            values[from + j] = values[from + j] * scale * gain[j];
        }
    }

    /** @param turn 1 by the tables' angles, −1 back */
    void rotate(NativeMatrix x, NativeMatrix cos, NativeMatrix sin, int firstPosition, int turn) {
        int cols = x.cols();
        int half = cos.cols();
        Reductions.rows(workers, x.rows(), cols, (row, scratch) -> {
            float[] values = scratch.floats(0, cols);
            float[] c = scratch.floats(1, half);
            float[] s = scratch.floats(2, half);
            x.get((long) row * cols, values, cols);
            cos.get((long) (firstPosition + row) * half, c, half);
            sin.get((long) (firstPosition + row) * half, s, half);
            for (int head = 0; head < cols; head += 2 * half) {
                for (int j = 0; j < half; j++) {
                    float left = values[head + j];
                    float right = values[head + half + j];
                    float sine = turn * s[j];
                    values[head + j] = left * c[j] - right * sine;
                    values[head + half + j] = right * c[j] + left * sine;
                }
            }
            x.put((long) row * cols, values, cols);
        });
    }
}
