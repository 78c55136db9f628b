package io.cospadi.checkpoint;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Writes one safetensors file as a stream: all names, types and shapes first, then the bytes of each tensor in the same
 * order, in pieces of any size. Equal input gives equal bytes. The file appears at {@link #finish}, see
 * {@link AtomicFile}; the format is in {@link SafetensorsHeader}, and the header is padded with spaces so that data begins
 * at a multiple of 8.
 */
public final class SafetensorsWriter implements AutoCloseable {
    private static final int ALIGNMENT = 8;
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Path target;
    private final AtomicFile file;
    private final long dataBytes;
    private long written;

    private SafetensorsWriter(Path target, AtomicFile file, long dataBytes) {
        this.target = target;
        this.file = file;
        this.dataBytes = dataBytes;
    }

    /**
     * Begins a file by writing its header.
     *
     * @param tensors  in the order in which their bytes will follow; names distinct
     * @param metadata the header's {@code __metadata__}, left out if empty
     * @throws IllegalArgumentException if two tensors share a name
     * @throws CospadiException if the file can't be written
     */
    public static SafetensorsWriter create(Path target, List<TensorSpec> tensors, Map<String, String> metadata) {
        byte[] header = header(tensors, metadata);
        long dataBytes = tensors.stream().mapToLong(TensorSpec::bytes).reduce(0, Math::addExact);
        AtomicFile file = AtomicFile.create(target);
        try {
            ByteBuffer length =
                    ByteBuffer.allocate(SafetensorsHeader.LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            file.append(length.putLong(0, header.length));
            file.append(ByteBuffer.wrap(header));
            return new SafetensorsWriter(target, file, dataBytes);
        } catch (RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    /** Length of the file that {@link #create} and its data would make. */
    public static long fileBytes(List<TensorSpec> tensors, Map<String, String> metadata) {
        return SafetensorsHeader.LENGTH_BYTES
                + header(tensors, metadata).length
                + tensors.stream().mapToLong(TensorSpec::bytes).sum();
    }

    private static byte[] header(List<TensorSpec> tensors, Map<String, String> metadata) {
        ObjectNode header = JSON.createObjectNode();
        if (!metadata.isEmpty()) {
            ObjectNode entries = header.putObject(SafetensorsHeader.METADATA);
            new TreeMap<>(metadata).forEach(entries::put);
        }
        Set<String> names = new HashSet<>();
        long offset = 0;
        for (TensorSpec tensor : tensors) {
            if (!names.add(tensor.name())) {
                throw new IllegalArgumentException("tensor " + tensor.name() + " appears twice");
            }
            ObjectNode entry = header.putObject(tensor.name());
            entry.put("dtype", tensor.dtype().name());
            ArrayNode shape = entry.putArray("shape");
            for (long size : tensor.shape()) {
                shape.add(size);
            }
            entry.putArray("data_offsets").add(offset).add(offset + tensor.bytes());
            offset = Math.addExact(offset, tensor.bytes());
        }
        byte[] json;
        try {
            json = JSON.writeValueAsBytes(header);
        } catch (IOException e) {
            throw new IllegalStateException("a tree of strings and numbers can't be written as JSON", e);
        }
        if (json.length > SafetensorsHeader.MAX_BYTES) {
            throw new IllegalArgumentException("header of " + json.length + " bytes for " + tensors.size()
                    + " tensors, the format allows " + SafetensorsHeader.MAX_BYTES);
        }
        int padded = (SafetensorsHeader.LENGTH_BYTES + json.length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT
                - SafetensorsHeader.LENGTH_BYTES;
        String spaces = " ".repeat(padded - json.length);
        return ByteBuffer.allocate(padded)
                .put(json)
                .put(spaces.getBytes(StandardCharsets.US_ASCII))
                .array();
    }

    /**
     * Appends the next bytes of data, from the buffer's position to its limit.
     *
     * @throws IllegalStateException if that would be more than the header declared
     * @throws CospadiException if the disk is full or fails
     */
    public void append(ByteBuffer bytes) {
        if (bytes.remaining() > dataBytes - written) {
            throw new IllegalStateException(target + ": " + (written + bytes.remaining())
                    + " bytes of data, but the header declares " + dataBytes);
        }
        written += bytes.remaining();
        file.append(bytes);
    }

    /**
     * Makes the file appear, whole and durable.
     *
     * @throws IllegalStateException if data is missing
     */
    public void finish() {
        if (written != dataBytes) {
            throw new IllegalStateException(
                    target + ": " + written + " bytes of data, but the header declares " + dataBytes);
        }
        file.commit();
    }

    /** SHA-256 of the finished file, in lower-case hexadecimal; to be asked once, after {@link #finish}. */
    public String sha256() {
        return file.sha256();
    }

    /** Removes what was written, unless it was finished. */
    @Override
    public void close() {
        file.close();
    }
}
