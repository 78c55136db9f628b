package io.cospadi.backend;

import static io.cospadi.backend.OpenBlas.NO_TRANSPOSE;
import static io.cospadi.backend.OpenBlas.ROW_MAJOR;
import static io.cospadi.backend.OpenBlas.TRANSPOSE;

import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.openblas.global.openblas_full;

/**
 * Attention differentiated, tile by tile of {@link AttentionTiles}: the weights P are computed again, then with dO the
 * gradient at the output {@code dV += Pᵀ dO}, {@code dP = dO Vᵀ}, {@code dS = P (dP - rowsum(P dP))}, {@code dQ = dS K} and
 * {@code dK += dSᵀ Q}, both scaled as the scores are.
 *
 * <p>Several tiles add to the same key. So one task takes all tiles of a key head one after another, or every n-th of them where
 * there are too few heads to occupy the workers: then each task adds into its own matrix, and those are added up in order.
 */
final class AttentionGradient {
    /** Tasks for each worker: enough for them to end together. */
    private static final int TASKS = 4;

    private final Workers workers;
    private final Transfers transfers;

    AttentionGradient(Workers workers, Transfers transfers) {
        this.workers = workers;
        this.transfers = transfers;
    }

    void run(
            NativeMatrix queries,
            NativeMatrix keys,
            NativeMatrix values,
            int heads,
            int headDim,
            int window,
            NativeMatrix gradient,
            NativeMatrix queryGradient,
            NativeMatrix keyGradient,
            NativeMatrix valueGradient) {
        int group = heads * headDim / keys.cols();
        int keyHeads = heads / group;
        AttentionTiles tiles = new AttentionTiles(queries, keys, headDim, group, 0, window);
        int stripes = Math.max(1, Math.min(tiles.count(), stripes(keyHeads)));
        NativeMatrix[] ofKeys = sums(keyGradient, stripes);
        NativeMatrix[] ofValues = sums(valueGradient, stripes);
        try {
            workers.run(keyHeads * stripes, (number, scratch) -> {
                int stripe = number / keyHeads;
                Call call = new Call(tiles, values, gradient, queryGradient, ofKeys[stripe], ofValues[stripe]);
                for (int tile = stripe; tile < tiles.count(); tile += stripes) {
                    call.tile(tile, number % keyHeads, scratch);
                }
            });
            add(ofKeys);
            add(ofValues);
        } finally {
            close(ofKeys);
            close(ofValues);
        }
    }

    private int stripes(int keyHeads) {
        return workers.threads() == 1 ? 1 : (TASKS * workers.threads() + keyHeads - 1) / keyHeads;
    }

    /** The output, zero, and as many zero matrices like it as further stripes need. */
    private NativeMatrix[] sums(NativeMatrix output, int stripes) {
        transfers.fill(output, 0);
        NativeMatrix[] sums = new NativeMatrix[stripes];
        sums[0] = output;
        for (int i = 1; i < stripes; i++) {
            // gone when the verb returns: nobody's leak
            sums[i] = NativeMatrix.allocate(output.rows(), output.cols(), output.dtype(), new AtomicLong());
        }
        return sums;
    }

    private void add(NativeMatrix[] sums) {
        int cols = sums[0].cols();
        if (sums.length == 1) {
            return;
        }
        Reductions.rows(workers, sums[0].rows(), cols, (row, scratch) -> {
            float[] total = scratch.floats(0, cols);
            float[] part = scratch.floats(1, cols);
            sums[0].get((long) row * cols, total, cols);
            for (int i = 1; i < sums.length; i++) {
                sums[i].get((long) row * cols, part, cols);
                for (int j = 0; j < cols; j++) {
                    total[j] += part[j];
                }
            }
            sums[0].put((long) row * cols, total, cols);
        });
    }

    private static void close(NativeMatrix[] sums) {
        for (int i = 1; i < sums.length; i++) {
            sums[i].close();
        }
    }

    /** One stripe's arguments. */
    private record Call(
            AttentionTiles tiles,
            NativeMatrix values,
            NativeMatrix gradient,
            NativeMatrix queryGradient,
            NativeMatrix keyGradient,
            NativeMatrix valueGradient) {

        void tile(int tile, int keyHead, Scratch scratch) {
            int rows = tiles.rows(tile);
            int seen = tiles.seen(tile);
            int headDim = tiles.headDim();
            long keyAt = tiles.keyAt(tile, keyHead);
            int keyStride = values.cols();
            NativeBlock weights = scratch.nativeFloats(0, (long) rows * seen);
            NativeBlock query = scratch.nativeFloats(1, (long) rows * headDim);
            NativeBlock scores = scratch.nativeFloats(2, (long) rows * seen);
            NativeBlock out = scratch.nativeFloats(3, (long) rows * headDim);
            tiles.gather(tiles.queries(), tile, keyHead, query, scratch);
            tiles.gather(gradient, tile, keyHead, out, scratch);
            tiles.weights(tile, keyHead, query, weights, scratch);
            openblas_full.cblas_sgemm(
                    ROW_MAJOR,
                    TRANSPOSE,
                    NO_TRANSPOSE,
                    seen,
                    headDim,
                    rows,
                    1,
                    OpenBlas.floats(weights.address()),
                    seen,
                    OpenBlas.floats(out.address()),
                    headDim,
                    1,
                    valueGradient.floats(keyAt),
                    keyStride);
            openblas_full.cblas_sgemm(
                    ROW_MAJOR,
                    NO_TRANSPOSE,
                    TRANSPOSE,
                    rows,
                    seen,
                    headDim,
                    1,
                    OpenBlas.floats(out.address()),
                    headDim,
                    values.floats(keyAt),
                    keyStride,
                    0,
                    OpenBlas.floats(scores.address()),
                    seen);
            throughSoftmax(weights, scores, rows, seen, scratch);
            openblas_full.cblas_sgemm(
                    ROW_MAJOR,
                    NO_TRANSPOSE,
                    NO_TRANSPOSE,
                    rows,
                    headDim,
                    seen,
                    tiles.scale(),
                    OpenBlas.floats(scores.address()),
                    seen,
                    tiles.keys().floats(keyAt),
                    keyStride,
                    0,
                    OpenBlas.floats(out.address()),
                    headDim);
            tiles.scatter(out, queryGradient, tile, keyHead, scratch);
            openblas_full.cblas_sgemm(
                    ROW_MAJOR,
                    TRANSPOSE,
                    NO_TRANSPOSE,
                    seen,
                    headDim,
                    rows,
                    tiles.scale(),
                    OpenBlas.floats(scores.address()),
                    seen,
                    OpenBlas.floats(query.address()),
                    headDim,
                    1,
                    keyGradient.floats(keyAt),
                    keyStride);
        }

        /** The gradients at the weights become those at the scores; both 0 where a row does not look. */
        private static void throughSoftmax(
                NativeBlock weights, NativeBlock gradients, int rows, int seen, Scratch scratch) {
            float[] p = scratch.floats(0, seen);
            float[] g = scratch.floats(1, seen);
            for (int i = 0; i < rows; i++) {
                weights.get((long) i * seen, p, 0, seen);
                gradients.get((long) i * seen, g, 0, seen);
                float mean = (float) Reductions.dot(p, g, seen);
                for (int j = 0; j < seen; j++) {
                    g[j] = p[j] * (g[j] - mean);
                }
                gradients.put((long) i * seen, g, 0, seen);
            }
        }
    }
}
