package io.cospadi.backend;

import static io.cospadi.backend.OpenBlas.NO_TRANSPOSE;
import static io.cospadi.backend.OpenBlas.ROW_MAJOR;
import static io.cospadi.backend.OpenBlas.TRANSPOSE;

import org.bytedeco.openblas.global.openblas_full;

/**
 * Causal grouped-query attention, one task for each head and tile of queries: scores by one product over just the keys that
 * some query of the tile sees, a softmax per row in place, and one product with the values. No score leaves the worker.
 */
final class Attention {
    /** Queries in a tile: wide enough for the products, narrow enough that little beyond the diagonal is computed. */
    private static final int TILE = 64;

    private final Workers workers;

    Attention(Workers workers) {
        this.workers = workers;
    }

    void run(
            NativeMatrix queries,
            NativeMatrix keys,
            NativeMatrix values,
            int heads,
            int headDim,
            int firstPosition,
            int window,
            NativeMatrix out) {
        int n = queries.rows();
        int tiles = (n + TILE - 1) / TILE;
        int group = heads / (keys.cols() / headDim);
        float scale = (float) (1 / Math.sqrt(headDim));
        workers.run(heads * tiles, (number, scratch) -> {
            // the last tiles see the most keys: they go first, so that the workers end together
            int tile = tiles - 1 - number / heads;
            int head = number % heads;
            int first = tile * TILE;
            int count = Math.min(TILE, n - first);
            int firstKey = (int) Math.max(0, (long) firstPosition + first - window + 1);
            int seen = firstPosition + first + count - firstKey;
            NativeBlock scores = scratch.nativeFloats(0, (long) count * seen);
            long queryAt = (long) first * queries.cols() + (long) head * headDim;
            long keyAt = (long) firstKey * keys.cols() + (long) (head / group) * headDim;
            openblas_full.cblas_sgemm(
                    ROW_MAJOR,
                    NO_TRANSPOSE,
                    TRANSPOSE,
                    count,
                    seen,
                    headDim,
                    scale,
                    queries.floats(queryAt),
                    queries.cols(),
                    keys.floats(keyAt),
                    keys.cols(),
                    0,
                    OpenBlas.floats(scores.address()),
                    seen);
            float[] row = scratch.floats(0, seen);
            for (int i = 0; i < count; i++) {
                int position = firstPosition + first + i;
                int from = (int) Math.max(0, (long) position - window + 1) - firstKey;
                scores.get((long) i * seen, row, 0, seen);
                softmax(row, from, position - firstKey + 1, seen);
                scores.put((long) i * seen, row, 0, seen);
            }
            openblas_full.cblas_sgemm(
                    ROW_MAJOR,
                    NO_TRANSPOSE,
                    NO_TRANSPOSE,
                    count,
                    headDim,
                    seen,
                    1,
                    OpenBlas.floats(scores.address()),
                    seen,
                    values.floats(keyAt),
                    values.cols(),
                    0,
                    out.floats(queryAt),
                    out.cols());
        });
    }

    /** Softmax of {@code row[from .. to-1]}, 0 elsewhere up to length. */
    private static void softmax(float[] row, int from, int to, int length) {
        float max = row[from];
        for (int j = from + 1; j < to; j++) {
            max = Math.max(max, row[j]);
        }
        double sum = 0;
        for (int j = from; j < to; j++) {
            float e = FastExp.of(row[j] - max);
            row[j] = e;
            sum += e;
        }
        float share = (float) (1 / sum);
        for (int j = from; j < to; j++) {
            row[j] *= share;
        }
        java.util.Arrays.fill(row, 0, from, 0);
        java.util.Arrays.fill(row, to, length, 0);
    }
}
