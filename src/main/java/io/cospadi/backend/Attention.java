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
        int group = heads * headDim / keys.cols();
        Call call = new Call(new AttentionTiles(queries, keys, headDim, group, firstPosition, window), values, out);
        int n = queries.rows();
        if (n <= FEW_QUERIES) {
            workers.run(n * heads, (number, scratch) -> call.one(number / heads, number % heads, scratch));
            return;
        }
        AttentionTiles tiles = call.tiles;
        int keyHeads = heads / group;
        workers.run(keyHeads * tiles.count(), (number, scratch) -> {
            // the last tiles see the most keys: they go first, so that the workers end together
            call.tile(tiles.count() - 1 - number / keyHeads, number % keyHeads, scratch);
        });
    }

    /** One call's arguments. */
    private record Call(AttentionTiles tiles, NativeMatrix values, NativeMatrix out) {

        void one(int query, int head, Scratch scratch) {
            int firstKey = tiles.firstKey(query);
            int seen = tiles.firstPosition() + query + 1 - firstKey;
            long queryAt = (long) query * tiles.queries().cols() + (long) head * tiles.headDim();
            long keyAt = (long) firstKey * tiles.keys().cols() + (long) (head / tiles.group()) * tiles.headDim();
            NativeBlock scores = scratch.nativeFloats(0, seen);
            openblas_full.cblas_sgemv(
                    ROW_MAJOR,
                    NO_TRANSPOSE,
                    seen,
                    tiles.headDim(),
                    tiles.scale(),
                    tiles.keys().floats(keyAt),
                    tiles.keys().cols(),
                    tiles.queries().floats(queryAt),
                    1,
                    0,
                    OpenBlas.floats(scores.address()),
                    1);
            float[] row = scratch.floats(0, seen);
            scores.get(0, row, 0, seen);
            AttentionTiles.softmax(row, 0, seen, scratch.floats(1, seen));
            scores.put(0, row, 0, seen);
            openblas_full.cblas_sgemv(
                    ROW_MAJOR,
                    TRANSPOSE,
                    seen,
                    tiles.headDim(),
                    1,
                    values.floats(keyAt),
                    values.cols(),
                    OpenBlas.floats(scores.address()),
                    1,
                    0,
                    out.floats(queryAt),
                    1);
        }

        void tile(int tile, int keyHead, Scratch scratch) {
            int rows = tiles.rows(tile);
            int seen = tiles.seen(tile);
            int headDim = tiles.headDim();
            NativeBlock packed = scratch.nativeFloats(1, (long) rows * headDim);
            NativeBlock weights = scratch.nativeFloats(0, (long) rows * seen);
            tiles.gather(tiles.queries(), tile, keyHead, packed, scratch);
            tiles.weights(tile, keyHead, packed, weights, scratch);
            openblas_full.cblas_sgemm(
                    ROW_MAJOR,
                    NO_TRANSPOSE,
                    NO_TRANSPOSE,
                    rows,
                    headDim,
                    seen,
                    1,
                    OpenBlas.floats(weights.address()),
                    seen,
                    values.floats(tiles.keyAt(tile, keyHead)),
                    values.cols(),
                    0,
                    OpenBlas.floats(packed.address()),
                    headDim);
            tiles.scatter(packed, out, tile, keyHead, scratch);
        }
    }
}
