package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Which token's likelihood the loss counts at each position of a window. */
@FunctionalInterface
public interface Labels {
    /**
     * The labels of consecutive positions.
     *
     * @param window           number of the window
     * @param firstPosition    of the rows
     * @param logProbabilities the model's, (N, vocabSize); read only
     * @param labels           (N, 1) F64, becomes token ids; negative where a position has no label
     */
    void of(int window, int firstPosition, Matrix logProbabilities, Matrix labels);

    /**
     * Drawn from the model's own distribution, which makes the mean of the squared gradients the true Fisher information. The
     * same seed, window and position give the same draw.
     */
    static Labels sampled(Backend backend, long seed) {
        return (window, first, logProbabilities, labels) -> {
            double[] uniforms = new double[logProbabilities.rows()];
            for (int i = 0; i < uniforms.length; i++) {
                // a generator for each position: the draw does not depend on how the rows are chunked
                long position = ((long) window << 32) + first + i;
                uniforms[i] = new SplittableRandom(seed ^ position * 0x9E3779B97F4A7C15L).nextDouble();
            }
            backend.sample(logProbabilities, uniforms, labels);
        };
    }

    /** The text's own next tokens; the last position of a window has none. */
    static Labels ofText(Backend backend, List<int[]> windows) {
        return (window, first, logProbabilities, labels) -> {
            int[] tokens = windows.get(window);
            double[] next = new double[labels.rows()];
            Arrays.setAll(next, i -> first + i + 1 < tokens.length ? tokens[first + i + 1] : -1);
            backend.write(labels, next);
        };
    }
}
