package io.cospadi.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A model folder: config.json and its safetensors file or shards, dense or compact. {@link #open} reads headers only and
 * refuses every defect a header can have; weights are mapped when asked for, a chunk at a time. A stored projection is
 * (out, in) = (d2, d1), the transpose of the paper's W.
 */
public final class Checkpoint implements AutoCloseable {
    /** A chunk of weights in flight between disk and backend. */
    private static final int CHUNK_BYTES = 64 << 20;

    private static final String SINGLE_FILE = "model.safetensors";
    static final String CONFIG_FILE = "config.json";

    private final Path folder;
    private final ObjectNode rawConfig;
    private final ModelConfig config;
    private final SortedMap<String, SafetensorsFile> files;
    private final SortedMap<String, StoredTensor> tensors;

    private Checkpoint(
            Path folder,
            ObjectNode rawConfig,
            ModelConfig config,
            SortedMap<String, SafetensorsFile> files,
            SortedMap<String, StoredTensor> tensors) {
        this.folder = folder;
        this.rawConfig = rawConfig;
        this.config = config;
        this.files = files;
        this.tensors = tensors;
    }

    /**
     * Opens a folder, checking config.json, the index and all headers, but no data. Which tensors must be there is asked
     * separately, by {@link #requireDense} or by the compact format.
     *
     * @throws CospadiException with one line that names file and tensor, found and expected
     */
    public static Checkpoint open(Path folder) {
        if (!Files.isDirectory(folder)) {
            throw new CospadiException(folder + ": no such folder; expected a Hugging Face model folder with "
                    + CONFIG_FILE + " and safetensors");
        }
        Path configFile = folder.resolve(CONFIG_FILE);
        ObjectNode rawConfig = StrictJson.readObject(configFile);
        ModelConfig config = new ConfigReader(configFile, rawConfig).read();
        SortedMap<String, SafetensorsFile> files = new TreeMap<>();
        try {
            SortedMap<String, StoredTensor> tensors = new TreeMap<>();
            if (Files.exists(folder.resolve(SINGLE_FILE))) {
                files.put(SINGLE_FILE, SafetensorsFile.open(folder.resolve(SINGLE_FILE)));
            } else if (Files.exists(folder.resolve(ShardIndex.FILE_NAME))) {
                ShardIndex index = ShardIndex.read(folder);
                for (Map.Entry<String, Path> shard : index.shards().entrySet()) {
                    files.put(shard.getKey(), SafetensorsFile.open(shard.getValue()));
                }
                index.requireAgreement(files);
            } else {
                throw new CospadiException(folder + ": found neither " + SINGLE_FILE + " nor " + ShardIndex.FILE_NAME
                        + ", expected one of them; convert other formats to safetensors first");
            }
            files.values().forEach(file -> tensors.putAll(file.tensors()));
            return new Checkpoint(folder, rawConfig, config, files, Collections.unmodifiableSortedMap(tensors));
        } catch (RuntimeException | Error e) {
            files.values().forEach(SafetensorsFile::close);
            throw e;
        }
    }

    /** The folder as it was given. */
    public Path folder() {
        return folder;
    }

    /** config.json, checked. */
    public ModelConfig config() {
        return config;
    }

    /** config.json as it stands; a copy. */
    public ObjectNode rawConfig() {
        return rawConfig.deepCopy();
    }

    /** Every stored tensor by name; unmodifiable. */
    public SortedMap<String, StoredTensor> tensors() {
        return tensors;
    }

    /** The open weight files, by file name. */
    public Collection<SafetensorsFile> files() {
        return Collections.unmodifiableCollection(files.values());
    }

    /** Whether a tensor of that name is stored. */
    public boolean has(String name) {
        return tensors.containsKey(name);
    }

    /**
     * The tensor of that name.
     *
     * @throws CospadiException naming folder and tensor if it is not stored
     */
    public StoredTensor tensor(String name) {
        StoredTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new CospadiException(weightsName() + ": tensor " + name + " is missing, expected by " + CONFIG_FILE
                    + " (" + config.architecture().modelType() + ", " + config.layers()
                    + " layers); download the model again");
        }
        return tensor;
    }

    /**
     * Checks the stored tensors against the architecture: all there, in the right shape and of a type that can be
     * computed with, and no bias that config.json denies.
     *
     * @throws CospadiException naming file and tensor
     */
    public void requireDense() {
        if (compactBlock() != null) {
            throw new CospadiException(folder.resolve(CONFIG_FILE)
                    + ": a compact model, expected a dense one; give the folder it was made from");
        }
        RequiredTensors required = new RequiredTensors(this);
        required.refuseFused();
        required.require(config.denseTensors());
    }

    /**
     * The same for embedding, norms, biases and head, which a compact folder holds like a dense one.
     *
     * @throws CospadiException naming file and tensor
     */
    public void requireBesideProjections() {
        new RequiredTensors(this).require(config.tensorsBesideProjections());
    }

    /**
     * Checks that one projection's dense weight is there in its shape.
     *
     * @throws CospadiException naming file and tensor
     */
    public void requireProjection(Projection projection) {
        new RequiredTensors(this).requireFloats(projection.weightName(), projection.d2(), projection.d1());
    }

    /** Stored tensors that the dense architecture doesn't read; a head beside tied embeddings is one. */
    public List<String> extras() {
        Map<String, long[]> known = config.denseTensors();
        List<String> extras = new ArrayList<>(tensors.keySet());
        extras.removeAll(known.keySet());
        return extras;
    }

    /**
     * Maps rows {@code firstRow .. firstRow+rows-1} of a tensor of this checkpoint: little-endian, read-only.
     *
     * @throws IllegalArgumentException if the rows are not all inside or take 2 GiB or more
     */
    public ByteBuffer map(StoredTensor tensor, long firstRow, int rows) {
        return fileOf(tensor).map(tensor, firstRow, rows);
    }

    /**
     * Maps bytes {@code offset .. offset+bytes-1} of a tensor of this checkpoint, whatever its shape.
     *
     * @throws IndexOutOfBoundsException if they are not all inside
     */
    public ByteBuffer mapBytes(StoredTensor tensor, long offset, int bytes) {
        return fileOf(tensor).mapBytes(tensor, offset, bytes);
    }

    private SafetensorsFile fileOf(StoredTensor tensor) {
        SafetensorsFile file = files.get(tensor.file().getFileName().toString());
        return Objects.requireNonNull(file, "a tensor of another checkpoint");
    }

    /**
     * A whole tensor as an F32 matrix, a vector as (1, n); the caller closes it.
     *
     * @throws CospadiException if it is missing, not a float tensor, or holds NaN or infinity
     */
    public Matrix load(String name, Backend backend) {
        return loadRows(name, 0, tensor(name).rows(), backend);
    }

    /**
     * Rows {@code firstRow .. firstRow+rows-1} of a tensor as an F32 matrix; the caller closes it.
     *
     * @throws CospadiException if it is missing, not a float tensor, or holds NaN or infinity in these rows
     * @throws IllegalArgumentException if the rows are not all inside
     */
    public Matrix loadRows(String name, int firstRow, int rows, Backend backend) {
        StoredTensor tensor = floats(name);
        Objects.checkFromIndexSize(firstRow, rows, tensor.rows());
        return fill(tensor, firstRow, backend.allocateWeight(rows, tensor.cols(), DType.F32), backend);
    }

    /**
     * A whole tensor as a factor of products, in the type that the backend keeps weights in; the caller closes it.
     *
     * @throws CospadiException if it is missing, not a float tensor, or holds NaN or infinity
     */
    public Matrix loadWeight(String name, Backend backend) {
        StoredTensor tensor = floats(name);
        return fill(tensor, 0, backend.allocateWeight(tensor.rows(), tensor.cols(), tensor.dtype()), backend);
    }

    private StoredTensor floats(String name) {
        StoredTensor tensor = tensor(name);
        if (!tensor.dtype().isFloat()) {
            throw new CospadiException(tensor.file() + ": tensor " + name + " has dtype " + tensor.dtype()
                    + ", expected floats to compute with; use an unquantised model");
        }
        return tensor;
    }

    private Matrix fill(StoredTensor tensor, int firstRow, Matrix matrix, Backend backend) {
        try {
            int chunk = rowsPerChunk(tensor);
            for (int done = 0; done < matrix.rows(); done += chunk) {
                int count = Math.min(chunk, matrix.rows() - done);
                ByteBuffer stored = map(tensor, (long) firstRow + done, count);
                requireFinite(tensor, stored, ((long) firstRow + done) * tensor.cols());
                backend.load(matrix.rows(done, count), stored, tensor.dtype());
            }
            return matrix;
        } catch (RuntimeException | Error e) {
            matrix.close();
            throw e;
        }
    }

    private static int rowsPerChunk(StoredTensor tensor) {
        long rowBytes = Math.max(1, (long) tensor.cols() * tensor.dtype().bytes());
        return (int) Math.max(1, CHUNK_BYTES / rowBytes);
    }

    /**
     * Scans every float tensor for NaN and infinities, file by file in the order they lie on disk.
     *
     * @param progress told bytes
     * @throws CospadiException naming file, tensor and element of the first one found
     */
    public void scanFinite(Progress progress) {
        long total = tensors.values().stream().mapToLong(StoredTensor::bytes).sum();
        long done = 0;
        progress.advance(0, total);
        List<StoredTensor> onDisk = new ArrayList<>(tensors.values());
        onDisk.sort(Comparator.comparing((StoredTensor t) -> t.file()).thenComparing(StoredTensor::begin));
        for (StoredTensor tensor : onDisk) {
            for (long offset = 0; offset < tensor.bytes(); offset += CHUNK_BYTES) {
                int bytes = (int) Math.min(CHUNK_BYTES, tensor.bytes() - offset);
                requireFinite(
                        tensor,
                        mapBytes(tensor, offset, bytes),
                        offset / tensor.dtype().bytes());
                done += bytes;
                progress.advance(done, total);
            }
        }
    }

    private static void requireFinite(StoredTensor tensor, ByteBuffer stored, long firstElement) {
        long at = FiniteScan.firstNonFinite(stored, tensor.dtype());
        if (at >= 0) {
            throw new CospadiException(
                    tensor.file() + ": tensor " + tensor.name() + " holds NaN or infinity at element "
                            + (firstElement + at) + " of " + Arrays.toString(tensor.shape())
                            + ", expected finite weights; the model is damaged: download it again");
        }
    }

    /**
     * SHA-256 over config.json, the names and lengths of the weight files and their headers: equal for equal models, and
     * as quick as {@link #open}. It does not see a changed weight; {@link #contentFingerprint} does.
     */
    public String headerFingerprint() {
        MessageDigest digest = Sha256.digest();
        digest.update(StrictJson.readBytes(folder.resolve(CONFIG_FILE)));
        for (Map.Entry<String, SafetensorsFile> file : files.entrySet()) {
            digestName(digest, file.getKey(), file.getValue().fileBytes());
            digest.update(file.getValue().headerBytes());
        }
        return Sha256.hex(digest);
    }

    /**
     * SHA-256 over config.json and the names, lengths and every byte of the weight files.
     *
     * @param progress told bytes
     */
    public String contentFingerprint(Progress progress) {
        MessageDigest digest = Sha256.digest();
        digest.update(StrictJson.readBytes(folder.resolve(CONFIG_FILE)));
        long total =
                files.values().stream().mapToLong(SafetensorsFile::fileBytes).sum();
        long[] done = {0};
        for (Map.Entry<String, SafetensorsFile> file : files.entrySet()) {
            digestName(digest, file.getKey(), file.getValue().fileBytes());
            Sha256.update(digest, file.getValue().file(), bytes -> {
                done[0] += bytes;
                progress.advance(Math.min(done[0], total), total);
            });
        }
        return Sha256.hex(digest);
    }

    private static void digestName(MessageDigest digest, String name, long bytes) {
        digest.update((name + "\n" + bytes + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private Path weightsName() {
        return files.size() == 1 ? files.values().iterator().next().file() : folder.resolve(ShardIndex.FILE_NAME);
    }

    @Override
    public void close() {
        files.values().forEach(SafetensorsFile::close);
    }

    /** config.json's compact block, or null in a dense folder. */
    public JsonNode compactBlock() {
        return rawConfig.get("cospadi");
    }
}
