package io.cospadi.checkpoint;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Writes a model's tensors as a stream: into {@code model.safetensors}, or, where they exceed a limit, into
 * {@code model-0000i-of-0000N.safetensors} and {@code model.safetensors.index.json}. A tensor is never split; a shard
 * exceeds the limit only if one tensor does.
 */
public final class ShardedWriter implements AutoCloseable {
    /** Hugging Face's customary size of a shard. */
    public static final long SHARD_BYTES = 5_000_000_000L;

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Path folder;
    private final Map<String, String> metadata;
    private final List<List<TensorSpec>> shards;
    private int shard = -1;
    private long left;
    private SafetensorsWriter current;

    private ShardedWriter(Path folder, Map<String, String> metadata, List<List<TensorSpec>> shards) {
        this.folder = folder;
        this.metadata = metadata;
        this.shards = shards;
    }

    /**
     * Plans the files; nothing is written yet.
     *
     * @param folder     exists
     * @param tensors    in the order in which their bytes will follow
     * @param metadata   of every file's header
     * @param shardBytes tensor bytes in one file
     */
    public static ShardedWriter create(
            Path folder, List<TensorSpec> tensors, Map<String, String> metadata, long shardBytes) {
        return new ShardedWriter(folder, Map.copyOf(metadata), split(tensors, shardBytes));
    }

    /** Length of all safetensors files together, headers included, the index not. */
    public static long fileBytes(List<TensorSpec> tensors, Map<String, String> metadata, long shardBytes) {
        return split(tensors, shardBytes).stream()
                .mapToLong(shard -> SafetensorsWriter.fileBytes(shard, metadata))
                .sum();
    }

    private static List<List<TensorSpec>> split(List<TensorSpec> tensors, long shardBytes) {
        List<List<TensorSpec>> shards = new ArrayList<>();
        List<TensorSpec> open = new ArrayList<>();
        long bytes = 0;
        for (TensorSpec tensor : tensors) {
            if (!open.isEmpty() && bytes + tensor.bytes() > shardBytes) {
                shards.add(open);
                open = new ArrayList<>();
                bytes = 0;
            }
            open.add(tensor);
            bytes += tensor.bytes();
        }
        shards.add(open);
        return shards;
    }

    /**
     * Appends the next bytes of data; one call must not reach from one tensor into the next.
     *
     * @throws IllegalStateException if there is more data than was declared
     * @throws io.cospadi.tensor.CospadiException if the disk is full or fails
     */
    public void append(ByteBuffer bytes) {
        while (left == 0 && bytes.hasRemaining()) {
            if (shard == shards.size() - 1) {
                throw new IllegalStateException(folder + ": more data than the declared tensors hold");
            }
            openNext();
        }
        left -= bytes.remaining();
        current.append(bytes);
    }

    private void openNext() {
        finishCurrent();
        shard++;
        List<TensorSpec> tensors = shards.get(shard);
        left = tensors.stream().mapToLong(TensorSpec::bytes).sum();
        current = SafetensorsWriter.create(folder.resolve(name(shard)), tensors, metadata);
    }

    private void finishCurrent() {
        if (current != null) {
            current.finish();
            current.close();
            current = null;
        }
    }

    private String name(int i) {
        return shards.size() == 1
                ? "model.safetensors"
                : String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size());
    }

    /**
     * Finishes the last file and, if there are several, writes the index.
     *
     * @throws IllegalStateException if data is missing
     */
    public void finish() {
        while (shard < shards.size() - 1) { // what is left may be empty tensors
            openNext();
        }
        finishCurrent();
        if (shards.size() > 1) {
            AtomicFile.write(folder.resolve(ShardIndex.FILE_NAME), index());
        }
    }

    private byte[] index() {
        ObjectNode index = JSON.createObjectNode();
        index.putObject("metadata")
                .put(
                        "total_size",
                        shards.stream()
                                .flatMap(List::stream)
                                .mapToLong(TensorSpec::bytes)
                                .sum());
        ObjectNode weights = index.putObject("weight_map");
        for (int i = 0; i < shards.size(); i++) {
            for (TensorSpec tensor : shards.get(i)) {
                weights.put(tensor.name(), name(i));
            }
        }
        try {
            return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(index);
        } catch (IOException e) {
            throw new IllegalStateException("a tree of strings and numbers can't be written as JSON", e);
        }
    }

    /** Removes the unfinished file; finished shards stay, so give it a folder of its own. */
    @Override
    public void close() {
        if (current != null) {
            current.close();
        }
    }
}
