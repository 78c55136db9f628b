package io.cospadi.quantization;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.LevelGrid;
import java.util.Random;

/** Matrices of levels for tests. */
public final class RandomLevels {
    private RandomLevels() {}

    /** A random matrix, each of its elements rounded by itself. */
    public static Levels of(Random random, int rows, int cols, int bits, int groupSize) {
        double[] matrix = random.doubles((long) rows * cols, -1, 1).toArray();
        int groups = LevelGrid.scales(cols, groupSize);
        int length = groupSize == 0 ? cols : groupSize;
        short[] values = new short[matrix.length];
        short[] scales = new short[rows * groups];
        for (int i = 0; i < scales.length; i++) {
            int from = i / groups * cols + i % groups * length;
            int to = Math.min(from + length, (i / groups + 1) * cols);
            scales[i] = LevelGrid.scaleFor(matrix, from, to, bits);
            for (int j = from; j < to; j++) {
                values[j] = Bfloat16.fromFloat(LevelGrid.round(matrix[j], Bfloat16.toFloat(scales[i]), bits));
            }
        }
        return new Levels(values, scales);
    }
}
