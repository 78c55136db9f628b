package io.cospadi.calibration;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.StrictJson;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A folder of Gram matrices: {@code store.json}, the {@link GramOrigin} that says what they are of, and one {@link GramFile} a
 * layer, {@code layer-00000.safetensors} on. A layer's file is there whole or not at all; a store is finished when all are.
 * F64, both triangles: a layer takes 8 bytes times the sum of its sites' d².
 */
public final class GramStore {
    private static final String DESCRIPTION = "store.json";
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .build();

    private final Path folder;
    private final GramOrigin origin;
    private final String originSha256;

    private GramStore(Path folder, GramOrigin origin) {
        this.folder = folder;
        this.origin = origin;
        this.originSha256 = HexFormat.of().formatHex(Sha256.digest().digest(describe(origin)));
    }

    /**
     * Begins a store, or continues the one that is there: its finished layers are kept.
     *
     * @throws CospadiException if the folder holds a store of something else (naming the field that differs), or can't be
     *     written
     */
    public static GramStore create(Path folder, GramOrigin origin) {
        if (Files.exists(folder.resolve(DESCRIPTION))) {
            GramStore existing = open(folder);
            existing.requireSame(origin);
            return existing;
        }
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new CospadiException(folder + ": can't be made: " + e.getMessage() + "; choose a writable folder", e);
        }
        AtomicFile.write(folder.resolve(DESCRIPTION), describe(origin));
        return new GramStore(folder, origin);
    }

    /** Opens the store in a folder, finished or not. */
    public static GramStore open(Path folder) {
        Path file = folder.resolve(DESCRIPTION);
        if (!Files.isRegularFile(file)) {
            throw new CospadiException(
                    folder + ": no Gram store here (" + DESCRIPTION + " is missing);" + " make one with `calibrate`");
        }
        ObjectNode json = StrictJson.readObject(file);
        String format = json.path("format").asText();
        int version = json.path("version").asInt();
        if (!format.equals(GramOrigin.FORMAT) || version != GramOrigin.VERSION) {
            throw new CospadiException(file + ": format \"" + format + "\" version " + version + ", expected \""
                    + GramOrigin.FORMAT + "\" version " + GramOrigin.VERSION + "; calibrate again");
        }
        json.remove(List.of("format", "version"));
        try {
            return new GramStore(folder, JSON.treeToValue(json, GramOrigin.class));
        } catch (JsonProcessingException | IllegalArgumentException e) {
            String reason = e instanceof JsonProcessingException j ? j.getOriginalMessage() : e.getMessage();
            throw new CospadiException(file + ": " + reason + "; the file is damaged: calibrate again", e);
        }
    }

    private static byte[] describe(GramOrigin origin) {
        try {
            return (JSON.writeValueAsString(origin) + "\n").getBytes(StandardCharsets.UTF_8);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a record of strings and numbers can't be written as JSON", e);
        }
    }

    private void requireSame(GramOrigin wanted) {
        ObjectNode found = JSON.valueToTree(origin);
        ObjectNode expected = JSON.valueToTree(wanted);
        expected.properties().forEach(field -> {
            if (!field.getValue().equals(found.get(field.getKey()))) {
                throw new CospadiException(folder.resolve(DESCRIPTION) + ": " + field.getKey() + " is "
                        + found.get(field.getKey()) + ", expected " + field.getValue()
                        + "; the store is of something else: choose another folder, or delete it");
            }
        });
    }

    public Path folder() {
        return folder;
    }

    /** What the Grams are of. */
    public GramOrigin origin() {
        return origin;
    }

    /** Tokens that every Gram was summed over. */
    public long tokens() {
        return origin.tokens();
    }

    /** Whether the layer's file is there; its contents are checked when they are used. */
    public boolean isFinished(int layer) {
        return Files.isRegularFile(file(layer));
    }

    /** Layers whose file is there. */
    public int finishedLayers() {
        int finished = 0;
        for (int layer = 0; layer < origin.layers(); layer++) {
            finished += isFinished(layer) ? 1 : 0;
        }
        return finished;
    }

    /**
     * Refuses to use the store for this model unless it is finished and of this model.
     *
     * @param modelFingerprint {@link ModelFingerprint}
     * @throws CospadiException naming what is missing or differs
     */
    public void requireUsable(String modelFingerprint) {
        if (!origin.model().equals(modelFingerprint)) {
            throw new CospadiException(folder.resolve(DESCRIPTION) + ": model is " + origin.model() + ", expected "
                    + modelFingerprint + "; the Grams are of another model: calibrate this one");
        }
        requireFinished();
        if (!origin.isWhole()) {
            throw new CospadiException(
                    folder + ": holds blocks " + origin.firstBlock() + " to " + (origin.endBlock() - 1) + " of "
                            + origin.blocks() + "; merge it with the other shards by `merge-stats`");
        }
    }

    void requireFinished() {
        for (int layer = 0; layer < origin.layers(); layer++) {
            if (!isFinished(layer)) {
                throw new CospadiException(folder + ": " + finishedLayers() + " of " + origin.layers()
                        + " layers are there, " + file(layer).getFileName()
                        + " is missing; run the same `calibrate` again to finish it");
            }
        }
    }

    /**
     * The Gram {@code Xᵀ X} of an input site, (d1, d1) F64, from a whole store; the caller closes it.
     *
     * @param siteName {@link Projection#siteName()}
     * @throws CospadiException if it is missing or damaged, naming the file
     */
    public Matrix gram(String siteName, Backend backend) {
        int layer = Integer.parseInt(siteName.split("\\.")[2]);
        try (GramFile file = openLayer(layer)) {
            return file.load(siteName, backend);
        }
    }

    GramFile openLayer(int layer) {
        return GramFile.open(file(layer), layer, originSha256);
    }

    /** For as long as layers are written. */
    StoreLock lock() {
        return StoreLock.acquire(folder.resolve(DESCRIPTION));
    }

    /** Writes a finished layer. */
    void write(int layer, SortedMap<InputSite, GramTree> sums, Backend backend) {
        SortedMap<String, List<GramTree.Node>> named = new TreeMap<>();
        sums.forEach((site, tree) -> named.put(Projection.siteName(layer, site), tree.nodes()));
        GramFile.write(file(layer), layer, originSha256, named, backend);
    }

    private Path file(int layer) {
        return folder.resolve(String.format("layer-%05d.safetensors", layer));
    }

    /**
     * Adds finished stores: all shards of one calibration, which gives the bytes that one machine would have written, or
     * whole stores of one model over different data.
     *
     * @param progress counts layers
     * @throws CospadiException naming the store and the field in which it differs, or the blocks that are missing
     */
    public static GramStore merge(List<GramStore> stores, Path out, Backend backend, Progress progress) {
        return GramMerge.merge(stores, out, backend, progress);
    }
}
