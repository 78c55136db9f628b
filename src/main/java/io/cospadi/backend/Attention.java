package io.cospadi.backend;

import static io.cospadi.backend.OpenBlas.NO_TRANSPOSE;
import static io.cospadi.backend.OpenBlas.ROW_MAJOR;
import static io.cospadi.backend.OpenBlas.TRANSPOSE;

import org.bytedeco.openblas.global.openblas_full;

/**
 * Causal grouped-query attention. Many queries: one task for each key head and tile of queries; all query heads that share the
 * key head stand below one another in one product with just the keys that some query of the tile sees, so that OpenBLAS packs
 * those keys once; then a softmax per row, and one product with the values. Few queries: one task a query and head, by
 * matrix-vector products, which read keys and values in place. No score leaves its worker.
 */
final class Attention {
    /** Rows of a product (queries times heads of the group): enough to pay for packing the keys. */
    private static final int ROWS = 96;

    /** With more heads in a group than this allows, fewer queries a tile would not pay. */
    private static final int LEAST_QUERIES = 16;

    /** Up to this many queries no tile is worth packing keys for. */
    private static final int FEW_QUERIES = 4;

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
        Call call = new Call(queries, keys, values, headDim, heads * headDim / keys.cols(), firstPosition, window, out);
        int n = queries.rows();
        if (n <= FEW_QUERIES) {
            workers.run(n * heads, (number, scratch) -> call.one(number / heads, number % heads, scratch));
            return;
        }
        int tile = Math.max(LEAST_QUERIES, ROWS / call.group);
        int tiles = (n + tile - 1) / tile;
        int keyHeads = heads / call.group;
        workers.run(keyHeads * tiles, (number, scratch) -> {
            // the last tiles see the most keys: they go first, so that the workers end together
            int first = (tiles - 1 - number / keyHeads) * tile;
            call.tile(first, Math.min(tile, n - first), number % keyHeads, scratch);
        });
    }

    /** One call's arguments; group is the number of query heads for each key head. */
    private record Call(
            NativeMatrix queries,
            NativeMatrix keys,
            NativeMatrix values,
            int headDim,
            int group,
            int firstPosition,
            int window,
            NativeMatrix out) {

        private int firstKey(int query) {
            return (int) Math.max(0, (long) firstPosition + query - window + 1);
        }

        private float scale() {
            return (float) (1 / Math.sqrt(headDim));
        }

        void one(int query, int head, Scratch scratch) {
            int firstKey = firstKey(query);
            int seen = firstPosition + query + 1 - firstKey;
            long queryAt = (long) query * queries.cols() + (long) head * headDim;
            long keyAt = (long) firstKey * keys.cols() + (long) (head / group) * headDim;
            NativeBlock scores = scratch.nativeFloats(0, seen);
            openblas_full.cblas_sgemv(
                    ROW_MAJOR,
                    NO_TRANSPOSE,
                    seen,
                    headDim,
                    scale(),
                    keys.floats(keyAt),
                    keys.cols(),
                    queries.floats(queryAt),
                    1,
                    0,
                    OpenBlas.floats(scores.address()),
                    1);
            float[] row = scratch.floats(0, seen);
            scores.get(0, row, 0, seen);
            softmax(row, 0, seen, scratch.floats(1, seen));
            scores.put(0, row, 0, seen);
            openblas_full.cblas_sgemv(
                    ROW_MAJOR,
                    TRANSPOSE,
                    seen,
                    headDim,
                    1,
                    values.floats(keyAt),
                    values.cols(),
                    OpenBlas.floats(scores.address()),
                    1,
                    0,
                    out.floats(queryAt),
                    1);
        }

        void tile(int first, int count, int keyHead, Scratch scratch) {
            int firstKey = firstKey(first);
            int seen = firstPosition + first + count - firstKey;
            int rows = count * group;
            int width = group * headDim;
            NativeBlock scores = scratch.nativeFloats(0, (long) rows * seen);
            NativeBlock packed = scratch.nativeFloats(1, (long) rows * headDim);
            long keyAt = (long) firstKey * keys.cols() + (long) keyHead * headDim;
            float[] row = scratch.floats(0, Math.max(seen, width));
            for (int i = 0; i < count; i++) {
                queries.get((long) (first + i) * queries.cols() + (long) keyHead * width, row, width);
                packed.put((long) i * width, row, 0, width);
            }
            openblas_full.cblas_sgemm(
                    ROW_MAJOR,
                    NO_TRANSPOSE,
                    TRANSPOSE,
                    rows,
                    seen,
                    headDim,
                    scale(),
                    OpenBlas.floats(packed.address()),
                    headDim,
                    keys.floats(keyAt),
                    keys.cols(),
                    0,
                    OpenBlas.floats(scores.address()),
                    seen);
            float[] powers = scratch.floats(1, seen);
            for (int i = 0; i < rows; i++) {
                int query = first + i / group;
                int from = firstKey(query) - firstKey;
                int to = firstPosition + query + 1 - firstKey;
                scores.get((long) i * seen + from, row, from, to - from);
                softmax(row, from, to, powers);
                java.util.Arrays.fill(row, 0, from, 0);
                java.util.Arrays.fill(row, to, seen, 0);
                scores.put((long) i * seen, row, 0, seen);
            }
            openblas_full.cblas_sgemm(
                    ROW_MAJOR,
                    NO_TRANSPOSE,
                    NO_TRANSPOSE,
                    rows,
                    headDim,
                    seen,
                    1,
                    OpenBlas.floats(scores.address()),
                    seen,
                    values.floats(keyAt),
                    values.cols(),
                    0,
                    OpenBlas.floats(packed.address()),
                    headDim);
            for (int i = 0; i < count; i++) {
                packed.get((long) i * width, row, 0, width);
                out.put((long) (first + i) * out.cols() + (long) keyHead * width, row, width);
            }
        }
    }

    /** Softmax of {@code row[from .. to-1]}. */
    private static void softmax(float[] row, int from, int to, float[] powers) {
        double sum = FastExp.eachBelow(FastExp.max(row, from, to), row, from, to, powers);
        float share = (float) (1 / sum);
        for (int j = from; j < to; j++) {
            row[j] *= share;
        }
    }
}
