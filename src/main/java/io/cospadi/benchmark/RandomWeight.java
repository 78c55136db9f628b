package io.cospadi.benchmark;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** A dense weight (rows, cols) of random bf16 values on the host: uploaded as often as asked for, multiplied in f64 to check. */
final class RandomWeight {
    private final int rows;
    private final int cols;
    private final ByteBuffer stored;

    RandomWeight(int rows, int cols) {
        this.rows = rows;
        this.cols = cols;
        stored = ByteBuffer.allocateDirect(Math.multiplyExact(2 * rows, cols)).order(ByteOrder.LITTLE_ENDIAN);
        IntStream.range(0, rows).parallel().forEach(i -> {
            SplittableRandom random = new SplittableRandom(i);
            for (int j = 0; j < cols; j++) {
                stored.putShort(2 * (i * cols + j), Bfloat16.fromFloat((float) (random.nextDouble() - 0.5)));
            }
        });
    }

    int rows() {
        return rows;
    }

    int cols() {
        return cols;
    }

    /** In the type that the backend keeps such a weight in; the caller closes it. */
    Matrix upload(Backend backend) {
        Matrix weight = backend.allocateWeight(rows, cols, DType.BF16);
        backend.load(weight, stored, DType.BF16);
        return weight;
    }

    /** {@code x (tokens, cols) · weightᵀ}. */
    double[] product(double[] x) {
        int tokens = x.length / cols;
        double[] out = new double[tokens * rows];
        IntStream.range(0, rows).parallel().forEach(i -> {
            for (int t = 0; t < tokens; t++) {
                double sum = 0;
                for (int j = 0; j < cols; j++) {
                    sum += x[t * cols + j] * Bfloat16.toFloat(stored.getShort(2 * (i * cols + j)));
                }
                out[t * rows + i] = sum;
            }
        });
        return out;
    }
}
