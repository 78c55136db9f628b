package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.decoder.Decoder;
import io.cospadi.decoder.GradientPass;
import io.cospadi.decoder.Labels;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.List;

/**
 * Runs calibration windows through a dense model and back, layer by layer, and keeps what the {@link GradientSettings} ask for of
 * the gradients at every projection's output. Norms are clipped against the median of each window and projection, so that one pass suffices and a
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

    /** Bytes of what one layer's sums take, with the partial sums that wait beside them. */
    public static long sumBytes(ModelConfig config, GradientSettings settings) {
        return GramTree.MOST_SUMS * GradientSums.bytes(config, settings);
    }

    /**
     * Disk that a store still takes, layers that the folder holds already left out.
     *
     * @param index of the share that is made, from 0, of {@code count}
     */
    public static long missingBytes(ModelConfig config, GradientSettings settings, int index, int count, Path folder) {
        return StoredSums.missingBytes(
                StoredSums.Kind.GRADIENTS, folder, config.layers(), index, count, GradientSums.bytes(config, settings));
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
        Labels labels = (window, position, logits, tokens) -> all.of(firstWindow + window, position, logits, tokens);
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
        try (GradientSums sums =
                new GradientSums(backend, config, layer, store.origin(), store.settings(), allWindows)) {
            pass.retreat(window -> sums.enter(firstWindow + window), progress);
            store.sums().write(layer, sums.finish(), backend);
        }
    }

    private static Labels labels(GradientSettings settings, TokenWindows windows, Backend backend) {
        return switch (settings.labels()) {
            case MODEL -> Labels.sampled(backend, settings.seed());
            case TEXT -> Labels.ofText(backend, windows.windows());
        };
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
