package io.cospadi.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * {@code model.safetensors.index.json}: which shard holds which tensor. A shard is a plain file name in the same folder;
 * a symbolic link counts as one if it stays inside the folder or leads to the blobs of the hub's own cache
 * ({@code models--x--y/snapshots/commit/file -> ../../blobs/hash}).
 */
final class ShardIndex {
    static final String FILE_NAME = "model.safetensors.index.json";

    private final Path file;
    private final SortedMap<String, String> shardOfTensor;

    private ShardIndex(Path file, SortedMap<String, String> shardOfTensor) {
        this.file = file;
        this.shardOfTensor = shardOfTensor;
    }

    static ShardIndex read(Path folder) {
        Path file = folder.resolve(FILE_NAME);
        ObjectNode json = StrictJson.readObject(file);
        JsonNode weights = json.get("weight_map");
        if (weights == null || !weights.isObject() || weights.isEmpty()) {
            throw new CospadiException(file + ": weight_map is "
                    + (weights == null ? "missing" : "a " + StrictJson.kind(weights))
                    + ", expected an object from tensor to shard; download the file again");
        }
        SortedMap<String, String> shards = new TreeMap<>();
        for (Map.Entry<String, JsonNode> entry : weights.properties()) {
            if (!entry.getValue().isTextual()) {
                throw new CospadiException(file + ": tensor " + StrictJson.oneLine(entry.getKey()) + " lies in "
                        + StrictJson.kind(entry.getValue())
                        + ", expected a shard's file name; download the file again");
            }
            shards.put(entry.getKey(), entry.getValue().asText());
        }
        return new ShardIndex(file, shards);
    }

    /** Shards by file name, each with its checked path. */
    SortedMap<String, Path> shards() {
        SortedMap<String, Path> paths = new TreeMap<>();
        for (Map.Entry<String, String> entry : shardOfTensor.entrySet()) {
            String name = entry.getValue();
            if (!paths.containsKey(name)) {
                paths.put(name, checked(entry.getKey(), name));
            }
        }
        return paths;
    }

    private Path checked(String tensor, String name) {
        Path folder = file.toAbsolutePath().getParent();
        if (!name.matches("[A-Za-z0-9_][A-Za-z0-9_.+-]*\\.safetensors")) {
            throw new CospadiException(file + ": tensor " + StrictJson.oneLine(tensor) + " lies in shard \""
                    + StrictJson.oneLine(name) + "\", expected a plain file name ending in .safetensors in the same"
                    + " folder; don't use this model, or download it again");
        }
        Path shard = folder.resolve(name);
        if (!Files.isRegularFile(shard)) {
            throw new CospadiException(shard + ": shard is missing, expected because " + file.getFileName()
                    + " puts tensor " + StrictJson.oneLine(tensor) + " there; download it");
        }
        try {
            Path real = shard.toRealPath();
            Path home = folder.toRealPath();
            if (!real.startsWith(home) && !inHubCache(home, real)) {
                throw new CospadiException(shard + ": leads out of the model's folder to " + real
                        + ", expected a file inside it; copy the shard into the folder");
            }
        } catch (IOException e) {
            throw StrictJson.unreadable(shard, e);
        }
        return file.resolveSibling(name);
    }

    private static boolean inHubCache(Path snapshot, Path blob) {
        Path snapshots = snapshot.getParent();
        return snapshots != null
                && snapshots.endsWith("snapshots")
                && blob.getParent() != null
                && blob.getParent().equals(snapshots.resolveSibling("blobs"));
    }

    /** The index and the shards' headers agree on where every tensor lies. */
    void requireAgreement(Map<String, SafetensorsFile> opened) {
        for (Map.Entry<String, String> entry : shardOfTensor.entrySet()) {
            String tensor = entry.getKey();
            if (!opened.get(entry.getValue()).has(tensor)) {
                String elsewhere = opened.entrySet().stream()
                        .filter(e -> e.getValue().has(tensor))
                        .map(e -> ", found in " + e.getKey())
                        .findFirst()
                        .orElse("");
                throw new CospadiException(opened.get(entry.getValue()).file() + ": tensor "
                        + StrictJson.oneLine(tensor) + " is missing, expected here by " + file.getFileName()
                        + elsewhere + "; download index and shards again");
            }
        }
        for (Map.Entry<String, SafetensorsFile> shard : opened.entrySet()) {
            for (String tensor : shard.getValue().tensors().keySet()) {
                String listed = shardOfTensor.get(tensor);
                if (!shard.getKey().equals(listed)) {
                    throw new CospadiException(shard.getValue().file() + ": tensor " + StrictJson.oneLine(tensor)
                            + " is stored here, expected "
                            + (listed == null ? "in no shard" : "in " + listed + " only") + " by "
                            + file.getFileName() + "; download index and shards again");
                }
            }
        }
    }
}
