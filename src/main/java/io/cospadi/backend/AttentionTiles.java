package io.cospadi.backend;

import static io.cospadi.backend.OpenBlas.NO_TRANSPOSE;
import static io.cospadi.backend.OpenBlas.ROW_MAJOR;
import static io.cospadi.backend.OpenBlas.TRANSPOSE;

import java.util.Arrays;
import org.bytedeco.openblas.global.openblas_full;

/**
 * The queries of one attention cut into tiles, and the attention weights of a tile. All query heads that share a key head
 * stand below one another, row {@code i * group + h} for query i of the tile and head h of the group, so that one product with
 * just the keys that some query of the tile sees serves them all, and OpenBLAS packs those keys once.
 *
 * @param queries       (N, heads · headDim)
 * @param keys          (positions, kvHeads · headDim)
 * @param group         query heads for each key head
 * @param firstPosition position of query 0
 * @param window        how far back a query sees
 */
record AttentionTiles(NativeMatrix queries, NativeMatrix keys, int headDim, int group, int firstPosition, int window) {
    /** Rows of a product (queries times heads of the group): enough to pay for packing the keys. */
    private static final int ROWS = 96;

    /** With more heads in a group than this allows, fewer queries a tile would not pay. */
    private static final int LEAST_QUERIES = 16;

    private int length() {
        return Math.max(LEAST_QUERIES, ROWS / group);
    }

    /** How many tiles there are. */
    int count() {
        return (queries.rows() + length() - 1) / length();
    }

    private int first(int tile) {
        return tile * length();
    }

    private int queries(int tile) {
        return Math.min(length(), queries.rows() - first(tile));
    }

    /** Rows of the tile's products. */
    int rows(int tile) {
        return queries(tile) * group;
    }

    /** The first key that a query sees. */
    int firstKey(int query) {
        return (int) Math.max(0, (long) firstPosition + query - window + 1);
    }

    /** Keys that some query of the tile sees, from its first query's first key on. */
    int seen(int tile) {
        return firstPosition + first(tile) + queries(tile) - firstKey(first(tile));
    }

    /** Where the first of them lies in the keys, the values and their gradients, in elements. */
    long keyAt(int tile, int keyHead) {
        return (long) firstKey(first(tile)) * keys.cols() + (long) keyHead * headDim;
    }

    float scale() {
        return (float) (1 / Math.sqrt(headDim));
    }

    /** {@code packed (rows, headDim) <-} the tile's rows of a matrix shaped as the queries. */
    void gather(NativeMatrix from, int tile, int keyHead, NativeBlock packed, Scratch scratch) {
        int width = group * headDim;
        float[] row = scratch.floats(0, width);
        for (int i = 0; i < queries(tile); i++) {
            from.get((long) (first(tile) + i) * from.cols() + (long) keyHead * width, row, width);
            packed.put((long) i * width, row, 0, width);
        }
    }

    /** The tile's rows of a matrix shaped as the queries {@code <- packed (rows, headDim)}. */
    void scatter(NativeBlock packed, NativeMatrix to, int tile, int keyHead, Scratch scratch) {
        int width = group * headDim;
        float[] row = scratch.floats(0, width);
        for (int i = 0; i < queries(tile); i++) {
            packed.get((long) i * width, row, 0, width);
            to.put((long) (first(tile) + i) * to.cols() + (long) keyHead * width, row, width);
        }
    }

    /** {@code weights (rows, seen) <- softmax(packed · keysᵀ / sqrt(headDim))} over the keys that each row sees, 0 elsewhere. */
    void weights(int tile, int keyHead, NativeBlock packed, NativeBlock weights, Scratch scratch) {
        int seen = seen(tile);
        int rows = rows(tile);
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
                keys.floats(keyAt(tile, keyHead)),
                keys.cols(),
                0,
                OpenBlas.floats(weights.address()),
                seen);
        int firstKey = firstKey(first(tile));
        float[] row = scratch.floats(0, seen);
        float[] powers = scratch.floats(1, seen);
        for (int i = 0; i < rows; i++) {
            int query = first(tile) + i / group;
            int from = firstKey(query) - firstKey;
            int to = firstPosition + query + 1 - firstKey;
            weights.get((long) i * seen + from, row, from, to - from);
            softmax(row, from, to, powers);
            Arrays.fill(row, 0, from, 0);
            Arrays.fill(row, to, seen, 0);
            weights.put((long) i * seen, row, 0, seen);
        }
    }

    /** Softmax of {@code row[from .. to-1]}. */
    static void softmax(float[] row, int from, int to, float[] powers) {
        double sum = FastExp.eachBelow(FastExp.max(row, from, to), row, from, to, powers);
        float share = (float) (1 / sum);
        for (int j = from; j < to; j++) {
            row[j] *= share;
        }
    }
}
