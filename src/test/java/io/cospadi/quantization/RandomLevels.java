package io.cospadi.quantization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import java.util.Random;

/** Matrices of levels for tests. */
public final class RandomLevels {
    private RandomLevels() {}

    /** A random matrix, each of its elements rounded by itself. */
    public static Levels of(Random random, int rows, int cols, int bits, int groupSize) {
        try (Backend backend = new CpuBackend(1);
                Matrix matrix = backend.allocate(rows, cols, DType.F64);
                FeedbackRounding rounding = FeedbackRounding.none(backend, cols, bits, groupSize)) {
            backend.write(matrix, random.doubles((long) rows * cols, -1, 1).toArray());
            return rounding.round(matrix);
        }
    }
}
