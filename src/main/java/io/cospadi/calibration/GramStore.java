package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.FileFailure;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A folder of Gram matrices: {@code store.json}, the {@link GramOrigin} that says what they are of, and one {@link GramFile} a
 * layer, {@code layer-00000.safetensors} on. A layer's file is there whole or not at all; a store is finished when all are.
 * F64, both triangles: a layer takes 8 bytes times the sum of its sites' d². The folder may hold a {@link GradientStore} too.
 */
public final class GramStore {
    private final StoredSums sums;

    private GramStore(StoredSums sums) {
        this.sums = sums;
    }

    /**
     * Begins a store, or continues the one that is there: its finished layers are kept.
     *
     * @throws CospadiException if the folder holds a store of something else (saying what differs), or can't be
     *     written
     */
    public static GramStore create(Path folder, GramOrigin origin) {
        return create(folder, origin, false);
    }

    /** The same where copies of one task may fill the store at the same time, if {@code shared}. */
    public static GramStore create(Path folder, GramOrigin origin, boolean shared) {
        if (!shared) {
            requireFree(folder);
        }
        return new GramStore(StoredSums.create(StoredSums.Kind.GRAMS, folder, origin, Optional.empty(), shared));
    }

    /**
     * Refuses a folder that holds anything but a store: what lies there would be mixed with one.
     *
     * @throws CospadiException naming what is there
     */
    public static void requireFree(Path folder) {
        if (exists(folder) || StoredSums.exist(StoredSums.Kind.GRADIENTS, folder) || !Files.exists(folder)) {
            return;
        }
        try (Stream<Path> entries = Files.list(folder)) {
            Optional<Path> foreign = entries.filter(
                            entry -> !AtomicFile.isTemporary(entry.getFileName().toString()))
                    .findFirst();
            if (foreign.isPresent()) {
                throw new CospadiException(folder + " holds " + foreign.get().getFileName()
                        + " and is no Gram store; choose a new or empty folder");
            }
        } catch (IOException e) {
            throw new CospadiException(
                    folder + " can't be listed (" + FileFailure.reason(e) + "); choose a new folder", e);
        }
    }

    /** Whether a folder holds a store, finished or not. */
    public static boolean exists(Path folder) {
        return StoredSums.exist(StoredSums.Kind.GRAMS, folder);
    }

    /** Opens the store in a folder, finished or not. */
    public static GramStore open(Path folder) {
        return new GramStore(StoredSums.open(StoredSums.Kind.GRAMS, folder));
    }

    public Path folder() {
        return sums.folder();
    }

    /** What the Grams are of. */
    public GramOrigin origin() {
        return sums.origin();
    }

    /** Tokens that every Gram was summed over. */
    public long tokens() {
        return origin().tokens();
    }

    /** Whether the layer's file is there; its contents are checked when they are used. */
    public boolean isFinished(int layer) {
        return sums.isFinished(layer);
    }

    /** Layers whose file is there. */
    public int finishedLayers() {
        return sums.finishedLayers();
    }

    /**
     * Refuses to use the store for this model unless it is finished and of this model.
     *
     * @param modelFingerprint {@link ModelFingerprint}
     * @throws CospadiException naming what is missing or differs
     */
    public void requireUsable(String modelFingerprint) {
        sums.requireUsable(modelFingerprint);
    }

    /**
     * The Gram {@code Xᵀ X} of an input site, (d1, d1) F64, from a whole store; the caller closes it.
     *
     * @param siteName {@link Projection#siteName()}
     * @throws CospadiException if it is missing or damaged, naming the file
     */
    public Matrix gram(String siteName, Backend backend) {
        return sums.load(layerOf(siteName), siteName, backend);
    }

    /**
     * Where that Gram is stored; its contents are checked when it is loaded.
     *
     * @throws CospadiException if its file is missing or not of the store, naming it
     */
    public StoredTensor stored(String siteName) {
        return sums.stored(layerOf(siteName), siteName);
    }

    /** The layer in the name of a site or a projection. */
    static int layerOf(String name) {
        return Integer.parseInt(name.split("\\.")[2]);
    }

    StoredSums sums() {
        return sums;
    }

    /** Whether the folder holds gradients, finished or not. */
    public boolean hasOutputWeights() {
        return StoredSums.exist(StoredSums.Kind.GRADIENTS, folder());
    }

    /**
     * The gradients in the folder.
     *
     * @throws CospadiException if there are none, or their description can't be read
     */
    public GradientStore gradients() {
        return GradientStore.open(folder());
    }

    /** See {@link GradientStore#outputWeights}. */
    public double[] outputWeights(String projectionName) {
        return gradients().outputWeights(projectionName);
    }

    /**
     * Adds finished stores: all shards of one calibration, which gives the bytes that one machine would have written, or
     * whole stores of one model over different data. Gradients are added where stores hold them; of shards, all or none do.
     *
     * @param progress counts layers
     * @throws CospadiException naming the store and the field in which it differs, or the blocks that are missing
     */
    public static GramStore merge(List<GramStore> stores, Path out, Backend backend, Progress progress) {
        requireFree(out);
        List<StoredSums> gradients = gradients(stores);
        int kinds = gradients.isEmpty() ? 1 : 2;
        GramStore merged = new GramStore(GramMerge.of(grams(stores), out, false)
                .run(backend, (done, total) -> progress.advance(done, kinds * total)));
        if (!gradients.isEmpty()) {
            GramMerge.of(gradients, out, false)
                    .run(backend, (done, total) -> progress.advance(total + done, kinds * total));
        }
        return merged;
    }

    /** The part of {@link #merge} that makes one layer, unless it is there; copies of it may run at the same time. */
    public static void mergeLayer(List<GramStore> stores, int layer, Path out, Backend backend) {
        GramMerge.of(grams(stores), out, true).layer(layer, backend);
        List<StoredSums> gradients = gradients(stores);
        if (!gradients.isEmpty()) {
            GramMerge.of(gradients, out, true).layer(layer, backend);
        }
    }

    private static List<StoredSums> grams(List<GramStore> stores) {
        return stores.stream().map(GramStore::sums).toList();
    }

    private static List<StoredSums> gradients(List<GramStore> stores) {
        return stores.stream()
                .filter(GramStore::hasOutputWeights)
                .map(store -> store.gradients().sums())
                .toList();
    }
}
