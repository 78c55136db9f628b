package io.cospadi.calibration;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.FileFailure;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.checkpoint.StrictJson;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.stream.IntStream;

/**
 * Sums over the windows of a calibration, in a folder: a description, JSON, which holds the {@link GramOrigin} and whatever else
 * decides the contents under {@code settings}, and one {@link GramFile} a layer, which is there whole or not at all.
 */
final class StoredSums {
    private static final int VERSION = 1;
    /** Room for a file's header and its last, partly filled block on disk. */
    private static final int HEADER_BYTES = 16 << 10;

    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .build();

    /** What is summed; a folder may hold both. */
    enum Kind {
        /** {@code Xᵀ X} of every input site. */
        GRAMS("Grams", "store.json", "layer", "cospadi-grams"),
        /** What {@link GradientStore} says of every projection's output. */
        GRADIENTS("gradients", "gradients.json", "gradients", "cospadi-gradients");

        private final String noun;
        private final String description;
        private final String prefix;
        private final String format;

        Kind(String noun, String description, String prefix, String format) {
            this.noun = noun;
            this.description = description;
            this.prefix = prefix;
            this.format = format;
        }

        /** For messages. */
        String noun() {
            return noun;
        }
    }

    private final Kind kind;
    private final Path folder;
    private final GramOrigin origin;
    private final Optional<JsonNode> settings;
    private final boolean shared;
    private final String sha256;

    private StoredSums(Kind kind, Path folder, GramOrigin origin, Optional<JsonNode> settings, boolean shared) {
        this.kind = kind;
        this.folder = folder;
        this.origin = origin;
        this.settings = settings;
        this.shared = shared;
        this.sha256 = HexFormat.of().formatHex(Sha256.digest().digest(bytes(describe())));
    }

    /** Whether a folder holds such sums, finished or not. */
    static boolean exist(Kind kind, Path folder) {
        return Files.exists(folder.resolve(kind.description));
    }

    /**
     * Begins a folder's sums, or continues the ones that are there.
     *
     * @param settings a record for JSON, where the origin doesn't say everything
     * @param shared   whether copies of one task may fill it at the same time: the file that one of them finishes first
     *                 is the one that the others would have made
     * @throws CospadiException if those are of something else (saying what differs), or can't be written
     */
    static StoredSums create(Kind kind, Path folder, GramOrigin origin, Optional<?> settings, boolean shared) {
        StoredSums wanted = new StoredSums(kind, folder, origin, settings.map(StoredSums::json), shared);
        if (exist(kind, folder)) {
            open(kind, folder).requireSame(wanted);
            return wanted;
        }
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new CospadiException(
                    folder + ": can't be made: " + FileFailure.reason(e) + "; choose a writable folder", e);
        }
        AtomicFile.write(wanted.description(), bytes(wanted.describe()));
        return wanted;
    }

    /** As it would be read again: a number's type in JSON follows its size. */
    private static JsonNode json(Object settings) {
        try {
            return JSON.readTree(JSON.writeValueAsBytes(settings));
        } catch (IOException e) {
            throw new IllegalStateException("a record of strings and numbers can't be written as JSON", e);
        }
    }

    /** Opens the sums in a folder, finished or not. */
    static StoredSums open(Kind kind, Path folder) {
        Path file = folder.resolve(kind.description);
        if (!Files.isRegularFile(file)) {
            throw new CospadiException(folder + ": no " + kind.noun + " here (" + kind.description
                    + " is missing); make them with `calibrate`");
        }
        ObjectNode json = StrictJson.readObject(file);
        String format = json.path("format").asText();
        int version = json.path("version").asInt();
        if (!format.equals(kind.format) || version != VERSION) {
            throw new CospadiException(file + ": format \"" + format + "\" version " + version + ", expected \""
                    + kind.format + "\" version " + VERSION + "; calibrate again");
        }
        Optional<JsonNode> settings = Optional.ofNullable(json.remove("settings"));
        json.remove(List.of("format", "version"));
        try {
            return new StoredSums(kind, folder, JSON.treeToValue(json, GramOrigin.class), settings, false);
        } catch (JsonProcessingException | IllegalArgumentException e) {
            throw damaged(file, e);
        }
    }

    private static CospadiException damaged(Path file, Exception e) {
        String reason = e instanceof JsonProcessingException j ? StrictJson.reason(j) : e.getMessage();
        return new CospadiException(file + ": " + reason + "; the file is damaged: calibrate again", e);
    }

    private ObjectNode describe() {
        ObjectNode json = JSON.createObjectNode().put("format", kind.format).put("version", VERSION);
        json.setAll(JSON.<ObjectNode>valueToTree(origin));
        settings.ifPresent(values -> json.set("settings", values));
        return json;
    }

    private static byte[] bytes(ObjectNode json) {
        return (json.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8);
    }

    private void requireSame(StoredSums wanted) {
        if (!describe().equals(wanted.describe())) {
            String difference = StoreDifference.between(origin, wanted.origin)
                    .or(() -> StoreDifference.between(settings, wanted.settings))
                    .orElse("of something else");
            throw new CospadiException(are() + " " + difference + "; choose another folder, or delete this one");
        }
    }

    private String are() {
        return kind == Kind.GRAMS ? folder + " is" : "the " + kind.noun + " in " + folder + " are";
    }

    /**
     * What decides the sums beside their origin.
     *
     * @throws CospadiException if the description doesn't hold a {@code type}
     */
    <T> T settings(Class<T> type) {
        try {
            return JSON.treeToValue(settings.orElseGet(JSON::createObjectNode), type);
        } catch (JsonProcessingException e) {
            throw damaged(description(), e);
        }
    }

    /** The same as JSON, for comparison. */
    Optional<JsonNode> settings() {
        return settings;
    }

    Kind kind() {
        return kind;
    }

    Path folder() {
        return folder;
    }

    GramOrigin origin() {
        return origin;
    }

    Path description() {
        return folder.resolve(kind.description);
    }

    /** Whether the layer's file is there; its contents are checked when they are used. */
    boolean isFinished(int layer) {
        return Files.isRegularFile(file(layer));
    }

    /** Layers whose file is there. */
    int finishedLayers() {
        int finished = 0;
        for (int layer = 0; layer < origin.layers(); layer++) {
            finished += isFinished(layer) ? 1 : 0;
        }
        return finished;
    }

    /**
     * Refuses sums of another model, of a shard, or with layers missing.
     *
     * @throws CospadiException naming what is missing or differs
     */
    void requireUsable(String modelFingerprint) {
        if (!origin.model().equals(modelFingerprint)) {
            throw new CospadiException(
                    are() + " " + StoreDifference.ofModel(origin.model(), modelFingerprint) + "; calibrate this one");
        }
        requireFinished();
        if (!origin.isWhole()) {
            throw new CospadiException(folder + ": holds " + kind.noun + " of blocks " + origin.firstBlock() + " to "
                    + (origin.endBlock() - 1) + " of " + origin.blocks()
                    + "; merge it with the other shards by `merge-stats`");
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
     * Bytes that a share's layers take on disk, less those that are in the folder already.
     *
     * @param index of the share, from 0, of {@code count}
     * @param bytes of one layer's sums over all blocks
     */
    static long missingBytes(Kind kind, Path folder, int layers, int index, int count, long bytes) {
        long ofLayer = HEADER_BYTES
                + GramTree.subtrees(GramOrigin.firstBlock(index, count), GramOrigin.firstBlock(index + 1, count))
                        * bytes;
        return IntStream.range(0, layers)
                        .filter(layer -> !Files.isRegularFile(file(kind, folder, layer)))
                        .count()
                * ofLayer;
    }

    /** A sum over all blocks; the caller closes it. */
    Matrix load(int layer, String name, Backend backend) {
        try (GramFile file = openLayer(layer)) {
            return file.load(name, backend);
        }
    }

    /** Where it lies. */
    StoredTensor stored(int layer, String name) {
        try (GramFile file = openLayer(layer)) {
            return file.tensor(name);
        }
    }

    GramFile openLayer(int layer) {
        return GramFile.open(file(layer), kind.format, layer, sha256);
    }

    /** For as long as layers are written. What earlier runs were killed over is removed, unless others may be at work. */
    StoreLock lock() {
        if (shared) {
            return StoreLock.NONE;
        }
        StoreLock lock = StoreLock.acquire(description());
        AtomicFile.removeLeftOvers(folder, kind.prefix);
        return lock;
    }

    /** Writes a finished layer. */
    void write(int layer, SortedMap<String, GramTree> sums, Backend backend) {
        GramFile.write(file(layer), kind.format, layer, sha256, sums, backend);
    }

    private Path file(int layer) {
        return file(kind, folder, layer);
    }

    private static Path file(Kind kind, Path folder, int layer) {
        return folder.resolve(String.format("%s-%05d.safetensors", kind.prefix, layer));
    }
}
