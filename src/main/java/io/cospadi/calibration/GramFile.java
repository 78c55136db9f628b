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
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The sums of one layer, a safetensors file:
 *
 * <ul>
 *   <li>F64 tensors. In a Gram store one (d, d) per input site, both triangles, named {@code model.layers.N.<site>} ({@code
 *       attn_in}, {@code attn_out}, {@code mlp_in}, {@code mlp_hidden}); {@link GradientStore} says what it holds. A shard's
 *       sums over some blocks b to c are named {@code <name>.blocks.b-c};
 *   <li>metadata {@code format} ("cospadi-grams" or "cospadi-gradients"), {@code version} "1", {@code layer}, {@code origin}
 *       (SHA-256 of the description), and for each tensor {@code sha256.<tensor name>} of its bytes.
 * </ul>
 *
 * <p>A checksum is verified when its tensor is loaded, not when the file is opened.
 */
final class GramFile implements AutoCloseable {
    private static final String VERSION = "1";
    private static final String BLOCKS = ".blocks.";
    private static final int CHUNK_BYTES = 8 << 20;
    private static final String CHECKSUM = "sha256.";

    private final SafetensorsFile file;

    private GramFile(SafetensorsFile file) {
        this.file = file;
    }

    static String tensorName(String name, int firstBlock, int endBlock) {
        return firstBlock == 0 && endBlock == GramTree.BLOCKS
                ? name
                : name + BLOCKS + firstBlock + "-" + (endBlock - 1);
    }

    /** Of what the file holds sums. */
    SortedSet<String> names() {
        SortedSet<String> names = new TreeSet<>();
        file.tensors().keySet().forEach(tensor -> names.add(tensor.split(BLOCKS, 2)[0]));
        return names;
    }

    /**
     * Writes the file, to appear at once.
     *
     * @param sums by name
     * @throws CospadiException if a sum is not finite: an activation or a gradient overflowed
     */
    static void write(
            Path path, String format, int layer, String origin, SortedMap<String, GramTree> sums, Backend backend) {
        List<TensorSpec> specs = new ArrayList<>();
        List<Matrix> matrices = new ArrayList<>();
        SortedMap<String, String> metadata = new TreeMap<>(identity(format, layer, origin));
        sums.forEach((name, tree) -> {
            for (GramTree.Node node : tree.nodes()) {
                String tensor = tensorName(name, node.first(), node.end());
                Matrix sum = node.sum();
                specs.add(new TensorSpec(tensor, DType.F64, sum.rows(), sum.cols()));
                matrices.add(sum);
                MessageDigest digest = Sha256.digest();
                forEachChunk(sum, backend, bytes -> {
                    requireFinite(name, bytes);
                    digest.update(bytes);
                });
                metadata.put(CHECKSUM + tensor, HexFormat.of().formatHex(digest.digest()));
            }
        });
        try (SafetensorsWriter writer = SafetensorsWriter.create(path, specs, metadata)) {
            matrices.forEach(sum -> forEachChunk(sum, backend, writer::append));
            writer.finish();
        }
    }

    private static SortedMap<String, String> identity(String format, int layer, String origin) {
        SortedMap<String, String> metadata = new TreeMap<>();
        metadata.put("format", format);
        metadata.put("version", VERSION);
        metadata.put("layer", Integer.toString(layer));
        metadata.put("origin", origin);
        return metadata;
    }

    private static void requireFinite(String name, ByteBuffer bytes) {
        for (int at = bytes.position(); at < bytes.limit(); at += Double.BYTES) {
            if (!Double.isFinite(bytes.getDouble(at))) {
                throw new CospadiException(
                        name + ": the sum is not finite: activations or gradients overflowed f32; check the"
                                + " model's weights and the data");
            }
        }
    }

    @FunctionalInterface
    private interface ChunkListener {
        void chunk(ByteBuffer littleEndian);
    }

    private static void forEachChunk(Matrix sum, Backend backend, ChunkListener listener) {
        int step = Math.max(1, CHUNK_BYTES / Math.max(1, Double.BYTES * sum.cols()));
        ByteBuffer bytes = ByteBuffer.allocate(
                        Math.multiplyExact(Math.min(step, sum.rows()), sum.cols() * Double.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int row = 0; row < sum.rows(); row += step) {
            int rows = Math.min(step, sum.rows() - row);
            bytes.clear().limit(rows * sum.cols() * Double.BYTES);
            bytes.asDoubleBuffer().put(backend.readDoubles(sum.rows(row, rows)));
            listener.chunk(bytes);
        }
    }

    /**
     * Opens a layer's file and checks that it belongs to the store.
     *
     * @throws CospadiException naming the file and what differs
     */
    static GramFile open(Path path, String format, int layer, String origin) {
        SafetensorsFile file = SafetensorsFile.open(path);
        try {
            identity(format, layer, origin).forEach((key, expected) -> {
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
        StoredTensor tensor = tensor(name);
        Matrix sum = backend.allocateUndefined(tensor.rows(), tensor.cols(), DType.F64);
        try {
            verify(tensor, (row, rows, bytes) -> backend.load(sum.rows(row, rows), bytes, DType.F64));
            return sum;
        } catch (RuntimeException | Error failure) {
            sum.close();
            throw failure;
        }
    }

    /** Reads one sum that is a single row, verifying its checksum. */
    double[] row(String name) {
        StoredTensor tensor = tensor(name);
        if (tensor.rows() != 1) {
            throw unexpected(tensor, "a row");
        }
        double[] values = new double[tensor.cols()];
        verify(tensor, (row, rows, bytes) -> bytes.asDoubleBuffer().get(values));
        return values;
    }

    /** Where one sum lies. */
    StoredTensor tensor(String name) {
        StoredTensor tensor = file.tensor(name);
        if (tensor.dtype() != DType.F64) {
            throw unexpected(tensor, "an F64 matrix");
        }
        return tensor;
    }

    private CospadiException unexpected(StoredTensor tensor, String expected) {
        return new CospadiException(file.file() + ": tensor " + tensor.name() + " is " + tensor.describe()
                + ", expected " + expected + "; delete the file and calibrate again");
    }

    @FunctionalInterface
    private interface RowsListener {
        void rows(int first, int count, ByteBuffer littleEndian);
    }

    private void verify(StoredTensor tensor, RowsListener listener) {
        MessageDigest digest = Sha256.digest();
        int step = Math.max(1, CHUNK_BYTES / Math.max(1, Double.BYTES * tensor.cols()));
        for (int row = 0; row < tensor.rows(); row += step) {
            int rows = Math.min(step, tensor.rows() - row);
            ByteBuffer bytes = file.map(tensor, row, rows);
            digest.update(bytes.duplicate());
            listener.rows(row, rows, bytes);
        }
        String found = HexFormat.of().formatHex(digest.digest());
        String expected = file.metadata().get(CHECKSUM + tensor.name());
        if (!found.equals(expected)) {
            throw new CospadiException(file.file() + ": tensor " + tensor.name() + " has SHA-256 " + found
                    + ", expected " + expected + "; the file is damaged: delete it and calibrate again");
        }
    }

    @Override
    public void close() {
        file.close();
    }
}
