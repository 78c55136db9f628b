package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.decoder.Decoder;
import io.cospadi.decoder.LayerwisePass;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.SiteListener;
import io.cospadi.tensor.Progress;
import java.util.List;

/**
 * Runs calibration windows through a dense model, layer by layer, and keeps {@code G = Xᵀ X} of every input site, accumulated
 * in f64. In memory: one layer's weights, its Grams (the sum being made and up to three partial sums of each, see
 * {@link GramTree}), and hidden states up to the limit.
 */
public final class Calibration {
    private Calibration() {}

    /**
     * Fills the store. Layers that it already holds are run, since later ones need their output, but not accumulated again.
     *
     * @param windows  all windows, also where the store is a shard's
     * @param store    made for these windows and this backend
     * @param progress counts windows times layers
     * @throws IllegalArgumentException if the store is of other windows or another backend
     * @throws io.cospadi.tensor.CospadiException if another run is filling the store, a weight or an activation is not finite,
     *     or the disk is full
     */
    public static void run(
            ModelWeights weights,
            TokenWindows windows,
            GramStore store,
            Backend backend,
            CalibrationSettings settings,
            Progress progress) {
        GramOrigin origin = store.origin();
        if (!origin.sources().equals(List.of(GramSource.of(windows)))
                || !origin.backend().equals(backend.identity())
                || origin.layers() != weights.config().layers()) {
            throw new IllegalArgumentException("the store in " + store.folder() + " was made for something else");
        }
        int firstWindow = GramTree.firstWindow(origin.firstBlock(), windows.found());
        List<int[]> share =
                windows.windows().subList(firstWindow, GramTree.firstWindow(origin.endBlock(), windows.found()));
        int last = lastUnfinished(store);
        if (last < 0) {
            return;
        }
        StoreLock lock = store.lock();
        try {
            fill(weights, share, firstWindow, windows.found(), store, last, backend, settings, progress);
        } finally {
            lock.close();
        }
    }

    private static void fill(
            ModelWeights weights,
            List<int[]> share,
            int firstWindow,
            int allWindows,
            GramStore store,
            int last,
            Backend backend,
            CalibrationSettings settings,
            Progress progress) {
        long total = (long) share.size() * (last + 1);
        try (Decoder decoder = new Decoder(weights, backend);
                LayerwisePass pass =
                        new LayerwisePass(decoder, share, settings.activationBytes(), settings.spillFolder())) {
            for (int layer = 0; layer <= last; layer++) {
                long before = (long) layer * share.size();
                Progress ofLayer = (done, all) -> progress.advance(before + done, total);
                if (store.isFinished(layer)) {
                    pass.advance(window -> SiteListener.NONE, ofLayer);
                } else {
                    try (LayerGrams grams = new LayerGrams(backend, weights.config(), store.origin(), allWindows)) {
                        pass.advance(window -> grams.listen(firstWindow + window), ofLayer);
                        store.write(layer, grams.finish(), backend);
                    }
                }
            }
        }
    }

    /**
     * The most memory that {@link #run} takes for matrices: one layer's dense weights, its Grams with the partial sums that
     * wait beside them, the hidden states up to their limit, and the scratch of one window.
     */
    public static long peakBytes(ModelConfig config, WindowSettings windows, long activationBytes) {
        long grams = 0;
        for (InputSite site : InputSite.values()) {
            long d = LayerGrams.width(config, site);
            grams += Double.BYTES * d * d;
        }
        long hidden = (long) Float.BYTES * config.hiddenSize() * windows.length();
        return Decoder.denseLayerBytes(config)
                + GramTree.MOST_SUMS * grams
                + Math.min(activationBytes + hidden, hidden * windows.windows())
                + Decoder.scratchBytes(config, windows.length());
    }

    private static int lastUnfinished(GramStore store) {
        int layer = store.origin().layers() - 1;
        while (layer >= 0 && store.isFinished(layer)) {
            layer--;
        }
        return layer;
    }
}
