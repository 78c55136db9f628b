package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.decoder.Decoder;
import io.cospadi.decoder.GradientListener;
import io.cospadi.decoder.GradientPass;
import io.cospadi.decoder.Labels;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Runs calibration windows through a dense model and back, layer by layer, and keeps the mean square of the gradient at every
 * projection's output. Norms are clipped against the median of each window and projection, so that one pass suffices and a
 * window's share does not depend on the others.
 */
public final class OutputGradients {
    private OutputGradients() {}

    /**
     * Fills the store. Layers that it already holds are run as far as others below them need it, but not added up again.
     *
     * @param windows  all windows, also where the store is a shard's
     * @param store    made for these windows and this backend
     * @param progress counts windows times layers, there and back, and the head
     * @throws IllegalArgumentException if the store is of other windows or another backend
     * @throws io.cospadi.tensor.CospadiException if another run is filling the store, a weight or a gradient is not finite, or
     *     the disk is full
     */
    public static void run(
            ModelWeights weights,
            TokenWindows windows,
            GradientStore store,
            Backend backend,
            CalibrationSettings settings,
            Progress progress) {
        StoredSums sums = store.sums();
        Calibration.requireMadeFor(sums, windows, backend, weights.config());
        int first = firstUnfinished(sums);
        if (first == weights.config().layers()) {
            return;
        }
        StoreLock lock = sums.lock();
        try {
            fill(weights, windows, store, first, backend, settings, progress);
        } finally {
            lock.close();
        }
    }

    private static void fill(
            ModelWeights weights,
            TokenWindows windows,
            GradientStore store,
            int firstLayer,
            Backend backend,
            CalibrationSettings settings,
            Progress progress) {
        ModelConfig config = weights.config();
        StoredSums sums = store.sums();
        int firstWindow = GramTree.firstWindow(store.origin().firstBlock(), windows.found());
        List<int[]> share = Calibration.share(store.origin(), windows);
        Labels all = labels(store.settings(), windows, backend);
        Labels labels = (window, position, logits) -> all.of(firstWindow + window, position, logits);
        long forward = (config.layers() + 1L) * share.size();
        long total = forward + (long) (config.layers() - firstLayer) * share.size();
        try (Decoder decoder = new Decoder(weights, backend);
                GradientPass pass =
                        new GradientPass(decoder, share, labels, settings.activationBytes(), settings.spillFolder())) {
            pass.forward((done, ofForward) -> progress.advance(done, total));
            for (int layer = pass.nextLayer(); layer >= firstLayer; layer = pass.nextLayer()) {
                long before = forward + (long) (config.layers() - 1 - layer) * share.size();
                Progress ofLayer = (done, ofWindows) -> progress.advance(before + done, total);
                if (sums.isFinished(layer)) {
                    pass.retreat(window -> (type, gradient) -> {}, ofLayer);
                } else {
                    addUp(config, layer, firstWindow, windows.found(), pass, store, backend, ofLayer);
                }
            }
        }
    }

    private static void addUp(
            ModelConfig config,
            int layer,
            int firstWindow,
            int allWindows,
            GradientPass pass,
            GradientStore store,
            Backend backend,
            Progress progress) {
        try (BlockSums sums = new BlockSums(backend, store.origin(), allWindows, shapes(config, layer))) {
            pass.retreat(
                    window -> {
                        sums.enter(firstWindow + window);
                        return listener(config, layer, store.settings().clipping(), sums, backend);
                    },
                    progress);
            store.sums().write(layer, sums.finish(), backend);
        }
    }

    private static GradientListener listener(
            ModelConfig config, int layer, double clipping, BlockSums sums, Backend backend) {
        return (type, gradient) -> {
            try (Matrix factors = backend.allocate(1, gradient.rows(), DType.F32)) {
                backend.rowDots(gradient, gradient, factors);
                backend.write(factors, shortening(backend.readFloats(factors), clipping));
                backend.addSquares(
                        gradient,
                        factors,
                        sums.sum(config.projection(layer, type).name()));
            }
        };
    }

    /**
     * What to multiply each token's gradient by, so that none is longer than {@code clipping} medians of all.
     *
     * @param squares norms squared
     */
    static float[] shortening(float[] squares, double clipping) {
        float[] sorted = squares.clone();
        Arrays.sort(sorted);
        double longest = clipping * Math.sqrt(sorted.length == 0 ? 0 : sorted[(sorted.length - 1) / 2]);
        float[] factors = new float[squares.length];
        for (int i = 0; i < factors.length; i++) {
            double norm = Math.sqrt(squares[i]);
            factors[i] = norm > longest && longest > 0 ? (float) (longest / norm) : 1;
        }
        return factors;
    }

    private static Labels labels(GradientSettings settings, TokenWindows windows, Backend backend) {
        return switch (settings.labels()) {
            case MODEL -> Labels.sampled(backend, settings.seed());
            case TEXT -> Labels.ofText(windows.windows());
        };
    }

    private static SortedMap<String, BlockSums.Shape> shapes(ModelConfig config, int layer) {
        SortedMap<String, BlockSums.Shape> shapes = new TreeMap<>();
        for (ProjectionType type : ProjectionType.values()) {
            Projection projection = config.projection(layer, type);
            shapes.put(projection.name(), new BlockSums.Shape(1, projection.d2()));
        }
        return shapes;
    }

    /** Back from the last layer, this is the last one that must be reached; the number of layers if all are there. */
    private static int firstUnfinished(StoredSums sums) {
        int layer = 0;
        while (layer < sums.origin().layers() && sums.isFinished(layer)) {
            layer++;
        }
        return layer;
    }
}
