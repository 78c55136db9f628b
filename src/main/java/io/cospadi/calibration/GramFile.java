package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.SafetensorsFile;
import io.cospadi.checkpoint.SafetensorsWriter;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.checkpoint.TensorSpec;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The Grams of one layer, a safetensors file:
 *
 * <ul>
 *   <li>one F64 tensor (d, d) per input site, both triangles, named {@code model.layers.N.<site>} ({@code attn_in}, {@code
 *       attn_out}, {@code mlp_in}, {@code mlp_hidden}); a shard's sums over some blocks b to c are named {@code
 *       model.layers.N.<site>.blocks.b-c};
 *   <li>metadata {@code format} "cospadi-grams", {@code version} "1", {@code layer}, {@code origin} (SHA-256 of store.json),
 *       and for each tensor {@code sha256.<tensor name>} of its bytes.
 * </ul>
 *
 * <p>A checksum is verified when its tensor is loaded, not when the file is opened.
 */
final class GramFile implements AutoCloseable {
    private static final int CHUNK_BYTES = 8 << 20;
    private static final String CHECKSUM = "sha256.";

    private final SafetensorsFile file;

    private GramFile(SafetensorsFile file) {
        this.file = file;
    }

    static String tensorName(String siteName, int firstBlock, int endBlock) {
        return firstBlock == 0 && endBlock == GramTree.BLOCKS
                ? siteName
                : siteName + ".blocks." + firstBlock + "-" + (endBlock - 1);
    }

    /**
     * Writes the file, to appear at once.
     *
     * @param sums the nodes of each site, by site name
     * @throws CospadiException if a Gram is not finite: an activation overflowed
     */
    static void write(
            Path path, int layer, String origin, SortedMap<String, List<GramTree.Node>> sums, Backend backend) {
        List<TensorSpec> specs = new ArrayList<>();
        List<Matrix> matrices = new ArrayList<>();
        SortedMap<String, String> metadata = new TreeMap<>(identity(layer, origin));
        sums.forEach((site, nodes) -> {
            for (GramTree.Node node : nodes) {
                String name = tensorName(site, node.first(), node.end());
                Matrix gram = node.sum();
                specs.add(new TensorSpec(name, DType.F64, gram.rows(), gram.cols()));
                matrices.add(gram);
                MessageDigest digest = Sha256.digest();
                forEachChunk(gram, backend, bytes -> {
                    requireFinite(site, bytes);
                    digest.update(bytes);
                });
                metadata.put(CHECKSUM + name, HexFormat.of().formatHex(digest.digest()));
            }
        });
        try (SafetensorsWriter writer = SafetensorsWriter.create(path, specs, metadata)) {
            matrices.forEach(gram -> forEachChunk(gram, backend, writer::append));
            writer.finish();
        }
    }

    private static SortedMap<String, String> identity(int layer, String origin) {
        SortedMap<String, String> metadata = new TreeMap<>();
        metadata.put("format", GramOrigin.FORMAT);
        metadata.put("version", Integer.toString(GramOrigin.VERSION));
        metadata.put("layer", Integer.toString(layer));
        metadata.put("origin", origin);
        return metadata;
    }

    private static void requireFinite(String site, ByteBuffer bytes) {
        for (int at = bytes.position(); at < bytes.limit(); at += Double.BYTES) {
            if (!Double.isFinite(bytes.getDouble(at))) {
                throw new CospadiException(
                        site + ": the Gram matrix is not finite: activations overflowed f32; check the"
                                + " model's weights and the data");
            }
        }
    }

    @FunctionalInterface
    private interface ChunkListener {
        void chunk(ByteBuffer littleEndian);
    }

    private static void forEachChunk(Matrix gram, Backend backend, ChunkListener listener) {
        int step = Math.max(1, CHUNK_BYTES / Math.max(1, Double.BYTES * gram.cols()));
        ByteBuffer bytes = ByteBuffer.allocate(
                        Math.multiplyExact(Math.min(step, gram.rows()), gram.cols() * Double.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int row = 0; row < gram.rows(); row += step) {
            int rows = Math.min(step, gram.rows() - row);
            bytes.clear().limit(rows * gram.cols() * Double.BYTES);
            bytes.asDoubleBuffer().put(backend.readDoubles(gram.rows(row, rows)));
            listener.chunk(bytes);
        }
    }

    /**
     * Opens a layer's file and checks that it belongs to the store.
     *
     * @throws CospadiException naming the file and what differs
     */
    static GramFile open(Path path, int layer, String origin) {
        SafetensorsFile file = SafetensorsFile.open(path);
        try {
            identity(layer, origin).forEach((key, expected) -> {
                String found = file.metadata().get(key);
                if (!expected.equals(found)) {
                    throw new CospadiException(path + ": " + key + " is " + found + ", expected " + expected
                            + "; the file belongs to another store: delete it and calibrate again");
                }
            });
            return new GramFile(file);
        } catch (RuntimeException | Error failure) {
            file.close();
            throw failure;
        }
    }

    /**
     * Loads one sum, verifying its checksum; the caller closes it.
     *
     * @param name as {@link #tensorName} gives it
     */
    Matrix load(String name, Backend backend) {
        StoredTensor tensor = file.tensor(name);
        if (tensor.dtype() != DType.F64 || tensor.rows() != tensor.cols()) {
            throw new CospadiException(file.file() + ": tensor " + name + " is " + tensor.describe()
                    + ", expected a square F64 matrix; delete the file and calibrate again");
        }
        MessageDigest digest = Sha256.digest();
        Matrix gram = backend.allocate(tensor.rows(), tensor.cols(), DType.F64);
        try {
            int step = Math.max(1, CHUNK_BYTES / Math.max(1, Double.BYTES * tensor.cols()));
            for (int row = 0; row < tensor.rows(); row += step) {
                int rows = Math.min(step, tensor.rows() - row);
                ByteBuffer bytes = file.map(tensor, row, rows);
                digest.update(bytes.duplicate());
                backend.load(gram.rows(row, rows), bytes, DType.F64);
            }
            String found = HexFormat.of().formatHex(digest.digest());
            String expected = file.metadata().get(CHECKSUM + name);
            if (!found.equals(expected)) {
                throw new CospadiException(file.file() + ": tensor " + name + " has SHA-256 " + found + ", expected "
                        + expected + "; the file is damaged: delete it and calibrate again");
            }
            return gram;
        } catch (RuntimeException | Error failure) {
            gram.close();
            throw failure;
        }
    }

    @Override
    public void close() {
        file.close();
    }
}
