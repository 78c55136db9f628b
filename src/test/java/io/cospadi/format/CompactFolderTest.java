package io.cospadi.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.Architecture;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ShardedWriter;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.checkpoint.StrictJson;
import io.cospadi.checkpoint.TinyCheckpoint;
import io.cospadi.decoder.DenseWeights;
import io.cospadi.decoder.Linear;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.factorization.Factors;
import io.cospadi.factorization.LowRankFactors;
import io.cospadi.factorization.SparseFactors;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.HostMatrix;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class CompactFolderTest {
    @TempDir
    Path temporary;

    @ParameterizedTest
    @EnumSource(Architecture.class)
    void everyFamilyComesOutSound(Architecture architecture) {
        Path dense =
                TinyCheckpoint.of(architecture).extra("model.extra.scale", 3, 2).write(temporary.resolve("dense"));
        Path out = temporary.resolve("out");
        CompactSizes written = TinyCompact.write(dense, out);
        Verifier.Summary summary = Verifier.verify(out, Progress.NONE);
        assertTrue(summary.compact());
        assertEquals(written, summary.sizes());
        assertEquals(List.of("model.extra.scale"), summary.extras());
        assertTrue(Files.exists(out.resolve("tokenizer.json")) && Files.exists(out.resolve("LICENSE.txt")));
        assertFalse(Files.exists(out.resolve("training_args.bin")));
    }

    @ParameterizedTest
    @CsvSource({
        "false, 14, 16, 0",
        "false, 16, 16, 0",
        "true, 14, 16, 0",
        "false, 8, 16, 0",
        "false, 6, 16, 3",
        "false, 14, 4, 4",
        "false, 3, 8, 0",
        "false, 4, 4, 3"
    })
    void projectionsComputeWhatTheirFactorsSay(boolean lowRank, int valueBits, int dictionaryBits, int groupSize) {
        Precision precision = new Precision(valueBits, dictionaryBits, groupSize);
        Path dense = TinyCheckpoint.of(Architecture.QWEN2).write(temporary.resolve("dense"));
        Path out = temporary.resolve("out");
        TinyCompact.write(dense, out, lowRank, precision, ShardedWriter.SHARD_BYTES, 1);
        try (Backend backend = new CpuBackend(1);
                ModelWeights compact = ModelFolder.open(out);
                ModelWeights base = ModelFolder.open(dense)) {
            assertInstanceOf(CompactModel.class, compact);
            assertInstanceOf(DenseWeights.class, base);
            long before = backend.allocatedBytes();
            for (Projection p : compact.config().projections()) {
                boolean factored = TinyCompact.isTargeted(p) && !TinyCompact.isKeptDense(p);
                double[][] weight = factored
                        ? product(TinyCompact.factors(p, lowRank, precision))
                        : widen(backend, base.tensor(p.weightName(), backend));
                double[] bias = compact.config().hasBias(p.type())
                        ? widen(backend, base.tensor(p.biasName(), backend))[0]
                        : new double[p.d2()];
                assertComputes(backend, compact, p, weight, bias);
            }
            assertEquals(before, backend.allocatedBytes(), "bytes left allocated");
        }
    }

    private static void assertComputes(
            Backend backend, ModelWeights compact, Projection p, double[][] weight, double[] bias) {
        Random random = new Random(7);
        HostMatrix host = new HostMatrix(3, p.d1());
        for (int i = 0; i < host.data().length; i++) {
            host.data()[i] = (float) random.nextGaussian();
        }
        try (Linear linear = compact.projection(p, backend);
                Matrix x = backend.upload(host);
                Matrix y = backend.allocate(3, p.d2(), DType.F32)) {
            linear.apply(backend, x, y);
            float[] found = backend.readFloats(y);
            for (int n = 0; n < 3; n++) {
                for (int j = 0; j < p.d2(); j++) {
                    double expected = bias[j];
                    double magnitude = Math.abs(bias[j]) + 1;
                    for (int i = 0; i < p.d1(); i++) {
                        expected += host.at(n, i) * weight[j][i];
                        magnitude += Math.abs(host.at(n, i) * weight[j][i]);
                    }
                    // every product and sum rounds once; cancellation is covered by the magnitude
                    assertEquals(expected, found[n * p.d2() + j], 64 * Math.ulp(1f) * magnitude, p.name());
                }
            }
        }
    }

    private static double[][] product(Factors factors) {
        double[][] weight = new double[factors.d2()][factors.d1()];
        if (factors instanceof LowRankFactors low) {
            for (int j = 0; j < low.d2(); j++) {
                for (int i = 0; i < low.d1(); i++) {
                    for (int r = 0; r < low.r(); r++) {
                        weight[j][i] += (double) Bfloat16.toFloat(low.up()[j * low.r() + r])
                                * Bfloat16.toFloat(low.down()[r * low.d1() + i]);
                    }
                }
            }
            return weight;
        }
        SparseFactors sparse = (SparseFactors) factors;
        Codes codes = sparse.codes();
        for (int p = 0; p < codes.atoms().length; p++) {
            for (int i = 0; i < sparse.d1(); i++) {
                weight[p / codes.s()][i] += (double) codes.values()[p]
                        * Bfloat16.toFloat(sparse.dictionary()[codes.atoms()[p] * sparse.d1() + i]);
            }
        }
        return weight;
    }

    private static double[][] widen(Backend backend, Matrix matrix) {
        try (matrix) {
            HostMatrix host = backend.download(matrix);
            double[][] wide = new double[host.rows()][host.cols()];
            for (int i = 0; i < host.rows(); i++) {
                for (int j = 0; j < host.cols(); j++) {
                    wide[i][j] = host.at(i, j);
                }
            }
            return wide;
        }
    }

    @Test
    void whatIsNotFactoredKeepsItsBytes() {
        Path dense = TinyCheckpoint.of(Architecture.QWEN3)
                .dtype(DType.F16)
                .with("attention_bias", true)
                .extra("model.layers.0.self_attn.rotary_emb.inv_freq", 2)
                .write(temporary.resolve("dense"));
        Path out = temporary.resolve("out");
        TinyCompact.write(dense, out);
        try (Checkpoint base = Checkpoint.open(dense);
                Checkpoint compact = Checkpoint.open(out)) {
            int kept = 0;
            for (StoredTensor tensor : base.tensors().values()) {
                if (compact.has(tensor.name())) {
                    StoredTensor carried = compact.tensor(tensor.name());
                    assertEquals(tensor.describe(), carried.describe());
                    assertEquals(bytes(base, tensor), bytes(compact, carried), tensor.name());
                    kept++;
                }
            }
            assertEquals(base.tensors().size() - 12, kept, "12 of 14 projections are factored");
        }
    }

    private static ByteBuffer bytes(Checkpoint checkpoint, StoredTensor tensor) {
        return checkpoint.mapBytes(tensor, 0, (int) tensor.bytes());
    }

    @Test
    void everyTensorIsAlignedToItsElement() {
        Path dense = TinyCheckpoint.of(Architecture.LLAMA).dtype(DType.F32).write(temporary.resolve("dense"));
        Path out = temporary.resolve("out");
        TinyCompact.write(dense, out);
        try (Checkpoint compact = Checkpoint.open(out)) {
            compact.tensors()
                    .values()
                    .forEach(t -> assertEquals(0, t.begin() % t.dtype().bytes(), t.name()));
        }
    }

    @Test
    void equalRunsGiveEqualBytesWhateverTheClockSays() throws IOException {
        Path dense = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("dense"));
        TinyCompact.write(dense, temporary.resolve("a"), false, Precision.DEFAULT, 1100, 1.0);
        TinyCompact.write(dense, temporary.resolve("b"), false, Precision.DEFAULT, 1100, 99.0);
        Map<String, String> a = contents(temporary.resolve("a"));
        assertTrue(a.containsKey("model.safetensors.index.json"), a.keySet().toString());
        assertEquals(a, contents(temporary.resolve("b")));
    }

    private static Map<String, String> contents(Path folder) throws IOException {
        Map<String, String> contents = new TreeMap<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
                contents.put(folder.relativize(file).toString(), HexFormat.of().formatHex(Files.readAllBytes(file)));
            }
        }
        return contents;
    }

    @Test
    void shardsHoldTheSameModelAsOneFile() {
        Path dense = TinyCheckpoint.of(Architecture.LLAMA).shards(900).write(temporary.resolve("dense"));
        Path out = temporary.resolve("out");
        CompactSizes written = TinyCompact.write(dense, out, false, Precision.DEFAULT, 700, 1);
        assertEquals(written, Verifier.verify(out, Progress.NONE).sizes());
        try (Checkpoint compact = Checkpoint.open(out)) {
            assertTrue(compact.files().size() > 2);
        }
    }

    /** Every number by hand, from the sizes of TinyCheckpoint: d1, d2 of layer 1's projections, k = 11, s = 4. */
    @Test
    void sizesAndRatiosAreCountedToTheByte() throws IOException {
        Path dense = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("dense"));
        Path out = temporary.resolve("out");
        CompactSizes sizes = TinyCompact.write(dense, out);
        // a row of codes: ceil(14·4/8) = 7 bytes of values, ceil(11/8) = 2 of mask
        long q = 2 * 11 * 8 + 8 * 9;
        long kv = 2 * 11 * 8 + 4 * 9;
        long o = 2 * 11 * 8 + 8 * 9;
        long gateUp = 2 * 11 * 8 + 12 * 9;
        long down = 2 * 11 * 12 + 8 * 9;
        long layer1 = q + 2 * kv + o + 2 * gateUp + down;
        long layer0 = 2 * 8 * 8 /* q dense */ + kv /* k is not targeted */ + o + 2 * gateUp + down;
        assertEquals(layer0 + layer1, sizes.projectionBytes());
        long words = 8 * 8 + 2 * 8 * 4 + 8 * 8 + 3 * 8 * 12;
        assertEquals(2 * (2 * words - 8 * 4), sizes.projectionBaseBytes());
        assertEquals(Files.size(out.resolve("model.safetensors")), sizes.fileBytes());
        assertEquals(Files.size(dense.resolve("model.safetensors")), sizes.baseFileBytes());
        JsonNode block = StrictJson.readObject(out.resolve("config.json")).get("cospadi");
        long base = 2 * (2 * words - 8 * 4);
        assertEquals(
                (base - layer0 - layer1) / (double) base,
                block.get("cr_true_projections").doubleValue());
        assertEquals(0.2, new CompactSizes(24576, 30720, 1, 1).ratioProjections(), "met exactly, told exactly");
    }

    @Test
    void aBaseOfFourByteFloatsCountsAsSixteenBits() throws IOException {
        Path half = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("half"));
        Path single = TinyCheckpoint.of(Architecture.LLAMA).dtype(DType.F32).write(temporary.resolve("single"));
        try (Checkpoint a = Checkpoint.open(half);
                Checkpoint b = Checkpoint.open(single)) {
            long headers = Files.size(half.resolve("model.safetensors"))
                    - a.tensors().values().stream()
                            .mapToLong(StoredTensor::bytes)
                            .sum();
            long otherHeaders = Files.size(single.resolve("model.safetensors"))
                    - b.tensors().values().stream()
                            .mapToLong(StoredTensor::bytes)
                            .sum();
            assertEquals(CompactSizes.baseFileBytes(a) - headers, CompactSizes.baseFileBytes(b) - otherHeaders);
        }
    }

    @Test
    void configKeepsTheBaseAndAddsTheBlock() {
        Path dense = TinyCheckpoint.of(Architecture.LLAMA)
                .with("auto_map", Map.of("AutoModel", "x.Y"))
                .with("something_else", List.of(1, 2))
                .write(temporary.resolve("dense"));
        Path out = temporary.resolve("out");
        TinyCompact.write(dense, out);
        JsonNode config = StrictJson.readObject(out.resolve("config.json"));
        assertEquals(
                "[\"CospadiLlamaForCausalLM\"]", config.get("architectures").toString());
        assertEquals("llama", config.get("model_type").asText());
        assertEquals("[1,2]", config.get("something_else").toString());
        assertFalse(config.has("auto_map"));
        JsonNode block = config.get("cospadi");
        assertEquals(
                "[\"model.layers.0.self_attn.q_proj\"]", block.get("kept_dense").toString());
        assertEquals(
                "{\"k\":11,\"s\":4,\"in\":12,\"out\":8,\"group\":null}",
                block.get("modules").get("model.layers.1.mlp.down_proj").toString());
        assertFalse(block.get("modules").has("model.layers.0.self_attn.k_proj"));
    }

    @Test
    void aPlanFromHeadersPromisesWhatIsWritten() {
        Path dense = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("dense"));
        Path out = temporary.resolve("out");
        CompactSizes written = TinyCompact.write(dense, out);
        TreeMap<String, Optional<CompactModule>> targeted = new TreeMap<>();
        try (Checkpoint base = Checkpoint.open(dense)) {
            for (Projection p : base.config().projections()) {
                if (TinyCompact.isTargeted(p)) {
                    targeted.put(
                            p.name(),
                            TinyCompact.isKeptDense(p)
                                    ? Optional.empty()
                                    : Optional.of(new CompactModule.Sparse(p.d1(), p.d2(), 11, 4, null)));
                }
            }
            assertEquals(
                    written,
                    CompactLayout.of(base, targeted, Precision.DEFAULT, ShardedWriter.SHARD_BYTES)
                            .sizes());
        }
    }

    @Test
    void partsGiveTheirFactorsBack() {
        Path dense = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("dense"));
        for (boolean lowRank : new boolean[] {false, true}) {
            for (Path path :
                    TinyCompact.parts(dense, temporary.resolve("parts" + lowRank), lowRank, Precision.DEFAULT, 2.5)) {
                try (PartFile part = PartFile.open(path)) {
                    if (part.module().isEmpty()) {
                        assertEquals("model.layers.0.self_attn.q_proj", part.projection());
                        continue;
                    }
                    assertEquals("fingerprint", part.fingerprint());
                    assertEquals(0.0125, part.diagnostics().relativeError());
                    assertArrayEquals(
                            new double[] {0.5, 0.1, 0.0125}, part.diagnostics().errorByRound());
                    assertArrayEquals(
                            flat(TinyCompact.factors(projection(dense, part.projection()), lowRank)),
                            flat(part.factors()));
                }
            }
        }
    }

    @Test
    void partIsTheSameBytesHoweverLongItTook() throws IOException {
        Path dense = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("dense"));
        List<Path> quick = TinyCompact.parts(dense, temporary.resolve("quick"), false, Precision.DEFAULT, 1);
        List<Path> slow = TinyCompact.parts(dense, temporary.resolve("slow"), false, Precision.DEFAULT, 2.5);
        for (int i = 0; i < quick.size(); i++) {
            assertArrayEquals(Files.readAllBytes(quick.get(i)), Files.readAllBytes(slow.get(i)));
        }
    }

    private static Projection projection(Path dense, String name) {
        try (Checkpoint base = Checkpoint.open(dense)) {
            return base.config().projections().stream()
                    .filter(p -> p.name().equals(name))
                    .findFirst()
                    .orElseThrow();
        }
    }

    private static double[] flat(Factors factors) {
        return Stream.of(product(factors)).flatMapToDouble(Arrays::stream).toArray();
    }
}
