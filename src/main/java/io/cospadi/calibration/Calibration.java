package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.decoder.Decoder;
import io.cospadi.decoder.LayerwisePass;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.SiteListener;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Runs calibration windows through a dense model, layer by layer, and keeps {@code G = Xᵀ X} of every input site, accumulated
 * in f64 as {@link Backend#addGram} says. In memory: one layer's weights, its Grams (the sum being made and up to three partial sums of each, see
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
        StoredSums sums = store.sums();
        requireMadeFor(sums, windows, backend, weights.config());
        int last = lastUnfinished(sums);
        if (last < 0) {
            return;
        }
        StoreLock lock = sums.lock();
        try {
            fill(weights, windows, sums, last, backend, settings, progress);
        } finally {
            lock.close();
        }
    }

    static void requireMadeFor(StoredSums sums, TokenWindows windows, Backend backend, ModelConfig config) {
        GramOrigin origin = sums.origin();
        if (!origin.sources().equals(List.of(GramSource.of(windows)))
                || !origin.backend().equals(backend.identity())
                || origin.layers() != config.layers()) {
            throw new IllegalArgumentException("the store in " + sums.folder() + " was made for something else");
        }
    }

    /** The windows of an origin's blocks. */
    static List<int[]> share(GramOrigin origin, TokenWindows windows) {
        return windows.windows()
                .subList(
                        GramTree.firstWindow(origin.firstBlock(), windows.found()),
                        GramTree.firstWindow(origin.endBlock(), windows.found()));
    }

    private static void fill(
            ModelWeights weights,
            TokenWindows windows,
            StoredSums sums,
            int last,
            Backend backend,
            CalibrationSettings settings,
            Progress progress) {
        GramOrigin origin = sums.origin();
        int firstWindow = GramTree.firstWindow(origin.firstBlock(), windows.found());
        List<int[]> share = share(origin, windows);
        long total = (long) share.size() * (last + 1);
        try (Decoder decoder = new Decoder(weights, backend);
                LayerwisePass pass =
                        new LayerwisePass(decoder, share, settings.activationBytes(), settings.spillFolder())) {
            for (int layer = 0; layer <= last; layer++) {
                int number = layer;
                long before = (long) layer * share.size();
                Progress ofLayer = (done, all) -> progress.advance(before + done, total);
                if (sums.isFinished(layer)) {
                    pass.advance(window -> SiteListener.NONE, ofLayer);
                } else {
                    try (BlockSums grams =
                            new BlockSums(backend, origin, windows.found(), shapes(weights.config(), layer))) {
                        pass.advance(
                                window -> {
                                    grams.enter(firstWindow + window);
                                    return (site, x) ->
                                            backend.addGram(x, grams.sum(Projection.siteName(number, site)));
                                },
                                ofLayer);
                        sums.write(layer, grams.finish(), backend);
                    }
                }
            }
        }
    }

    private static SortedMap<String, BlockSums.Shape> shapes(ModelConfig config, int layer) {
        SortedMap<String, BlockSums.Shape> shapes = new TreeMap<>();
        for (ProjectionType type : ProjectionType.values()) {
            int d1 = config.projection(layer, type).d1();
            shapes.put(Projection.siteName(layer, type.site()), new BlockSums.Shape(d1, d1));
        }
        return shapes;
    }

    /**
     * The most memory that {@link #run} takes for matrices: one layer's dense weights, its Grams with the partial sums that
     * wait beside them, the hidden states up to their limit, and the scratch of one window.
     *
     * @param length          tokens of each window
     * @param activationBytes of hidden states that stay in memory
     * @return bytes
     */
    public static long peakBytes(ModelConfig config, int windows, int length, long activationBytes) {
        long grams = gramBytes(config);
        long hidden = (long) Float.BYTES * config.hiddenSize() * length;
        return Decoder.denseLayerBytes(config)
                + GramTree.MOST_SUMS * grams
                + Math.min(activationBytes + hidden, hidden * windows)
                + Decoder.scratchBytes(config, length);
    }

    /** Bytes of one layer's Grams. */
    private static long gramBytes(ModelConfig config) {
        return shapes(config, 0).values().stream()
                .mapToLong(BlockSums.Shape::bytes)
                .sum();
    }

    /**
     * Disk that a store still takes, layers that the folder holds already left out.
     *
     * @param index of the share that is made, from 0, of {@code count}
     */
    public static long missingBytes(ModelConfig config, int index, int count, Path folder) {
        return StoredSums.missingBytes(StoredSums.Kind.GRAMS, folder, config.layers(), index, count, gramBytes(config));
    }

    private static int lastUnfinished(StoredSums sums) {
        int layer = sums.origin().layers() - 1;
        while (layer >= 0 && sums.isFinished(layer)) {
            layer--;
        }
        return layer;
    }
}
