package io.cospadi.format;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.SafetensorsFile;
import io.cospadi.checkpoint.SafetensorsWriter;
import io.cospadi.checkpoint.Sha256;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.checkpoint.TensorSpec;
import io.cospadi.decoder.Linear;
import io.cospadi.factorization.FactorScales;
import io.cospadi.factorization.Factorization;
import io.cospadi.factorization.Factors;
import io.cospadi.factorization.LowRankFactors;
import io.cospadi.factorization.RoundedWeight;
import io.cospadi.factorization.SparseFactors;
import io.cospadi.quantization.Levels;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.CospadiException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One finished projection, as a job keeps it until all are done: a safetensors file that holds the tensors that
 * {@link CompactFormat} gives the projection, under the same names and with the same bytes, or none where it stays dense.
 * Its {@code __metadata__}:
 *
 * <pre>
 * part     {"version": 2, "projection", "fingerprint": the job's, "value_bits", "dictionary_bits", "group_size", "module": as in config.json or null,
 *           "relative_error", "error_by_round": [...], "atoms_replaced", "rank", "gram_shift", "flops"}
 * sha256   of the text of "part", then of every tensor's bytes in the order of the file
 * </pre>
 *
 * Equal runs write equal files.
 */
public final class PartFile implements AutoCloseable {
    private final SafetensorsFile file;
    private final PartRecord part;
    private final PartDiagnostics diagnostics;

    private PartFile(SafetensorsFile file, PartRecord part, PartDiagnostics diagnostics) {
        this.file = file;
        this.part = part;
        this.diagnostics = diagnostics;
    }

    /**
     * Writes a factored projection; the file appears whole or not at all.
     *
     * @param projection  whose weight the factors stand for
     * @param group       whose dictionary the factors hold, or null; the part of every member holds it whole
     * @param result      rounded as stored; read only
     * @param precision   of the factors
     * @param fingerprint of the job that made them
     * @throws IllegalArgumentException if a shape is not the projection's, or a value was not rounded
     * @throws CospadiException if it can't be written
     */
    public static void write(
            Path target,
            Projection projection,
            String group,
            Factorization result,
            Precision precision,
            String fingerprint) {
        Factors factors = result.factors();
        if (factors.d1() != projection.d1() || factors.d2() != projection.d2()) {
            throw new IllegalArgumentException(projection + ": factors are (" + factors.d2() + ", " + factors.d1()
                    + "), expected the projection's (d2, d1)");
        }
        PartRecord part = new PartRecord(
                projection.name(), fingerprint, precision, Optional.of(CompactModule.of(factors, group)));
        write(target, part, PartDiagnostics.of(result), FactorBytes.of(factors, precision));
    }

    /** Writes that a targeted projection stays dense. */
    public static void writeKeptDense(Path target, Projection projection, Precision precision, String fingerprint) {
        PartRecord part = new PartRecord(projection.name(), fingerprint, precision, Optional.empty());
        write(target, part, PartDiagnostics.none(), List.of());
    }

    /**
     * Opens a part and checks all of it: header, tensors against the module it claims, and the checksum.
     *
     * @throws CospadiException naming file and defect
     */
    public static PartFile open(Path path) {
        SafetensorsFile file = SafetensorsFile.open(path);
        try {
            PartMetadata metadata = PartMetadata.read(file);
            requireTensors(file, metadata.part());
            requireChecksum(file);
            return new PartFile(file, metadata.part(), metadata.diagnostics());
        } catch (RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    private static void requireTensors(SafetensorsFile file, PartRecord part) {
        List<TensorSpec> expected = part.tensors();
        for (TensorSpec spec : expected) {
            StoredTensor stored = file.tensor(spec.name());
            if (stored.dtype() != spec.dtype() || !Arrays.equals(stored.shape(), spec.shape())) {
                throw new CospadiException(file.file() + ": tensor " + spec.name() + " is " + stored.describe()
                        + ", expected " + Arrays.toString(spec.shape()) + " " + spec.dtype()
                        + "; delete the file and run the job again");
            }
        }
        if (file.tensors().size() != expected.size()) {
            throw new CospadiException(file.file() + ": " + file.tensors().size() + " tensors, expected "
                    + expected.size() + "; delete the file and run the job again");
        }
    }

    private static void requireChecksum(SafetensorsFile file) {
        MessageDigest digest = Sha256.digest();
        digest.update(file.metadata().get(PartMetadata.PART).getBytes(StandardCharsets.UTF_8));
        file.tensors().values().stream()
                .sorted((a, b) -> Long.compare(a.begin(), b.begin()))
                .forEach(tensor -> digest.update(file.map(tensor)));
        String found = Sha256.hex(digest);
        String expected = file.metadata().get(PartMetadata.SHA256);
        if (!found.equals(expected)) {
            throw new CospadiException(file.file() + ": sha256 is " + found + ", expected " + expected
                    + "; the file is damaged: delete it and run the job again");
        }
    }

    /** Name of the projection. */
    public String projection() {
        return part.projection();
    }

    /** Fingerprint of the job that wrote it. */
    public String fingerprint() {
        return part.fingerprint();
    }

    /** Bits of a stored code. */
    public Precision precision() {
        return part.precision();
    }

    /** Shape of the factors; empty where the projection stays dense. */
    public Optional<CompactModule> module() {
        return part.module();
    }

    /** How the factors came about. */
    public PartDiagnostics diagnostics() {
        return diagnostics;
    }

    /** The stored tensor of that name, under which it also goes into the compact folder. */
    StoredTensor tensor(String name) {
        return file.tensor(name);
    }

    /** Whether both hold the same bytes under the names of what their group shares. */
    boolean sharesDictionary(PartFile other) {
        List<TensorSpec> shared = part.tensors().stream()
                .filter(spec -> spec.name().startsWith(CompactFormat.SHARED_PREFIX))
                .toList();
        return !shared.isEmpty()
                && shared.stream()
                        .map(TensorSpec::name)
                        .allMatch(name -> other.file.tensors().containsKey(name)
                                && file.map(tensor(name)).equals(other.file.map(other.tensor(name))));
    }

    /** Some of a stored tensor's bytes, mapped. */
    ByteBuffer mapBytes(StoredTensor tensor, long offset, int bytes) {
        return file.mapBytes(tensor, offset, bytes);
    }

    /**
     * The factors, exactly as they were written.
     *
     * @throws IllegalStateException if the projection stays dense
     * @throws CospadiException if the codes are malformed
     */
    public Factors factors() {
        CompactModule module = requireModule();
        if (module instanceof CompactModule.LowRank low) {
            return new LowRankFactors(
                    low.d1(),
                    low.d2(),
                    low.r(),
                    shorts(low.downName(projection())),
                    shorts(CompactFormat.upName(projection())));
        }
        if (module instanceof CompactModule.Rounded rounded) {
            Levels levels = StoredLevels.weight(TensorSource.of(file), projection(), rounded, precision())
                    .read();
            return new RoundedWeight(rounded.d1(), rounded.d2(), rounded.bits(), levels);
        }
        CompactModule.Sparse sparse = (CompactModule.Sparse) module;
        StoredCodes codes = new StoredCodes(TensorSource.of(file), projection(), sparse, precision());
        Levels dictionary = dictionary(sparse);
        return new SparseFactors(
                sparse.d1(), dictionary.values(), codes.read(), new FactorScales(dictionary.scales(), codes.scales()));
    }

    /**
     * The projection ready to compute as it is stored; the caller closes it.
     *
     * @param bias (1, d2) F32 or null; owned from here on, also if this fails
     * @throws IllegalStateException if the projection stays dense
     * @throws CospadiException if the codes are malformed
     */
    public Linear linear(Matrix bias, Backend backend) {
        return new StoredLinear(TensorSource.of(file), precision(), backend, new SharedMatrices())
                .load(projection(), requireModule(), bias);
    }

    private CompactModule requireModule() {
        return part.module()
                .orElseThrow(() -> new IllegalStateException(file.file() + ": " + projection() + " stays dense"));
    }

    private Levels dictionary(CompactModule.Sparse sparse) {
        return precision().dictionaryLevels()
                ? StoredLevels.dictionary(TensorSource.of(file), projection(), sparse, precision())
                        .read()
                : new Levels(shorts(sparse.dictionaryStem(projection()) + ".weight"), new short[0]);
    }

    private short[] shorts(String name) {
        ByteBuffer bytes = file.map(tensor(name));
        short[] shorts = new short[bytes.remaining() / Short.BYTES];
        bytes.asShortBuffer().get(shorts);
        return shorts;
    }

    @Override
    public void close() {
        file.close();
    }

    private static void write(Path target, PartRecord part, PartDiagnostics diagnostics, List<FactorBytes> tensors) {
        String identity = PartMetadata.identity(part, diagnostics).toString();
        MessageDigest digest = Sha256.digest(); // before the data, since the header that holds it comes first
        digest.update(identity.getBytes(StandardCharsets.UTF_8));
        tensors.forEach(tensor -> tensor.chunks(digest::update));
        Map<String, String> metadata = Map.of(PartMetadata.PART, identity, PartMetadata.SHA256, Sha256.hex(digest));
        try (SafetensorsWriter writer = SafetensorsWriter.create(target, part.tensors(), metadata)) {
            tensors.forEach(tensor -> tensor.chunks(writer::append));
            writer.finish();
        }
    }

    /** What a part says it is. */
    record PartRecord(String projection, String fingerprint, Precision precision, Optional<CompactModule> module) {
        List<TensorSpec> tensors() {
            return module.map(m -> m.tensors(projection, precision)).orElse(List.of());
        }
    }
}
