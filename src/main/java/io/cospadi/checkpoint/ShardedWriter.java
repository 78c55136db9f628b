package io.cospadi.checkpoint;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

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
    private final SortedMap<String, String> sha256 = new TreeMap<>();

    private ShardedWriter(Path folder, Map<String, String> metadata, List<List<TensorSpec>> shards) {
        this.folder = folder;
        this.metadata = metadata;
        this.shards = shards;
    }

    /**
     * Plans the files; nothing is written yet. The bytes must then come in the order of {@link #order}.
     *
     * @param folder     exists
     * @param tensors    in the order in which shards are filled
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
        // wide elements first, so that every tensor is aligned to its own element: some readers need that
        shards.forEach(shard -> shard.sort(
                Comparator.comparingInt((TensorSpec tensor) -> tensor.dtype().bytes())
                        .reversed()));
        return shards;
    }

    /** The order in which the tensors' bytes are to be appended: shard by shard, in each by falling element size. */
    public List<TensorSpec> order() {
        return shards.stream().flatMap(List::stream).toList();
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
            sha256.put(name(shard), current.sha256());
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
            byte[] index = index();
            AtomicFile.write(folder.resolve(ShardIndex.FILE_NAME), index);
            sha256.put(ShardIndex.FILE_NAME, Sha256.of(index));
        }
    }

    /** The finished files by name, the index among them, each with its SHA-256. */
    public SortedMap<String, String> sha256() {
        return Collections.unmodifiableSortedMap(sha256);
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
