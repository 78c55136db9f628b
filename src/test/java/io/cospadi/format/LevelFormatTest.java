package io.cospadi.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.Architecture;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ShardedWriter;
import io.cospadi.checkpoint.StrictJson;
import io.cospadi.checkpoint.TinyCheckpoint;
import io.cospadi.decoder.Linear;
import io.cospadi.factorization.RoundedWeight;
import io.cospadi.factorization.SparseFactors;
import io.cospadi.quantization.Levels;
import io.cospadi.quantization.Precision;
import io.cospadi.quantization.RandomLevels;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.HostMatrix;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Format version 3: codes of 4 bits and dictionaries of 3, three levels with one scale. */
class LevelFormatTest {
    private static final String Q1 = "model.layers.1.self_attn.q_proj";
    private static final Precision PRECISION = new Precision(4, 3, 3);

    @TempDir
    Path temporary;

    private Path dense;
    private Path out;
    private CompactSizes written;

    @BeforeEach
    void compact() {
        dense = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("dense"));
        out = temporary.resolve("out");
        written = TinyCompact.write(dense, out, PRECISION);
    }

    @Test
    void folderIsSoundAndSaysWhatItHolds() {
        assertEquals(written, Verifier.verify(out, Progress.NONE).sizes());
        JsonNode block = StrictJson.readObject(out.resolve("config.json")).get("cospadi");
        assertEquals(3, block.get("format_version").asInt());
        assertEquals(4, block.get("value_bits").asInt());
        assertEquals(3, block.get("dictionary_bits").asInt());
        assertEquals(3, block.get("group_size").asInt());
    }

    /** Every number by hand: d1, d2 of TinyCheckpoint's projections, k = 11, s = 4. */
    @Test
    void everyByteIsCounted() {
        // a row of codes: 4 · 4 bits are 2 bytes, two scales 4, the mask 2
        int code = 2 + 4 + 2;
        // an atom of 8 inputs: 24 bits are 3 bytes, three scales 6; one of 12: 36 bits are 5, four scales 8
        int atom = 3 + 6;
        long q = 11 * atom + 8 * code;
        long kv = 11 * atom + 4 * code;
        long gateUp = 11 * atom + 12 * code;
        long down = 11 * (5 + 8) + 8 * code;
        long layer1 = q + 2 * kv + q + 2 * gateUp + down;
        long layer0 = 2 * 8 * 8 /* q dense */ + kv /* k is not targeted */ + q + 2 * gateUp + down;
        assertEquals(layer0 + layer1, written.projectionBytes());
    }

    @Test
    void aPlanFromHeadersPromisesWhatIsWritten() {
        try (CompactModel model = CompactModel.open(out);
                Checkpoint base = Checkpoint.open(dense)) {
            TreeMap<String, Optional<CompactModule>> targeted = new TreeMap<>();
            model.block().modules().forEach((name, module) -> targeted.put(name, Optional.of(module)));
            model.block().keptDense().forEach(name -> targeted.put(name, Optional.empty()));
            assertEquals(
                    written,
                    CompactLayout.of(base, targeted, PRECISION, ShardedWriter.SHARD_BYTES)
                            .sizes());
        }
    }

    @Test
    void partsGiveTheirFactorsBack() {
        try (Checkpoint base = Checkpoint.open(dense)) {
            var projections = base.config().projections().stream()
                    .collect(Collectors.toMap(Projection::name, projection -> projection));
            for (Path path : TinyCompact.parts(dense, temporary.resolve("parts"), false, PRECISION, 1)) {
                try (PartFile part = PartFile.open(path)) {
                    assertEquals(PRECISION, part.precision());
                    if (part.module().isEmpty()) {
                        continue;
                    }
                    SparseFactors found = (SparseFactors) part.factors();
                    SparseFactors expected =
                            (SparseFactors) TinyCompact.factors(projections.get(part.projection()), false, PRECISION);
                    assertArrayEquals(expected.dictionary(), found.dictionary());
                    assertArrayEquals(expected.codes().values(), found.codes().values());
                    assertArrayEquals(
                            expected.scales().dictionary(), found.scales().dictionary());
                    assertArrayEquals(expected.scales().codes(), found.scales().codes());
                }
            }
        }
    }

    /** One planted defect and what the message must name. */
    record Case(String defect, VerifierTest.Plant plant, List<String> expected) {
        @Override
        public String toString() {
            return defect;
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource
    void defectIsNamed(Case hostile) throws IOException {
        hostile.plant().in(out);
        VerifierTest.reseal(out);
        String message = assertThrows(CospadiException.class, () -> Verifier.verify(out, Progress.NONE))
                .getMessage();
        assertFalse(message.contains("\n"), message);
        for (String expected : hostile.expected()) {
            assertTrue(message.contains(expected), () -> "lacks \"" + expected + "\": " + message);
        }
    }

    static Stream<Case> defectIsNamed() {
        String codeScales = Q1 + ".coef.scales";
        String levels = Q1 + ".dictionary.levels";
        String scales = Q1 + ".dictionary.scales";
        return Stream.of(
                bytes("negative scale of codes", codeScales, 5, 0xBF, codeScales + ": row 1 has scale 0 of -"),
                bytes("infinite scale of codes", codeScales, 2, 0x80, 3, 0x7F, codeScales + " holds NaN or infinity"),
                bytes("negative scale of atoms", scales, 11, 0x80, scales + ": row 1 has scale 2 of -"),
                bytes(
                        "pattern of a code under scale 0",
                        codeScales,
                        0,
                        0,
                        1,
                        0,
                        Q1 + ".coef.values: row 0 has pattern"),
                bytes("pattern of an atom under scale 0", scales, 6, 0, 7, 0, levels + ": row 1 has pattern"),
                bytes("scale that overflows", scales, 0, 0x7F, 1, 0x7F, levels + ": row 0 has pattern"),
                block(
                        "scales before they were specified",
                        b -> b.put("format_version", 2),
                        "value_bits is 4, expected 16 or 14 in format version 2"),
                block("no bits of a dictionary", b -> b.remove("dictionary_bits"), "dictionary_bits is missing"),
                block(
                        "2-bit dictionary",
                        b -> b.put("dictionary_bits", 2),
                        "dictionary_bits is 2, expected 16, or 3 to 8"),
                block("14-bit dictionary", b -> b.put("dictionary_bits", 14), "dictionary_bits is 14"),
                block("no group size", b -> b.remove("group_size"), "group_size is missing"),
                block("negative group size", b -> b.put("group_size", -1), "group_size is -1"),
                block("another group size", b -> b.put("group_size", 4), "scales is [", "expected ["),
                block(
                        "bf16 dictionary claimed",
                        b -> b.put("dictionary_bits", 16),
                        "model.layers.0",
                        ".dictionary.weight is missing"),
                block("14-bit codes claimed", b -> b.put("value_bits", 14), ".coef.values is ["),
                block("wider codes claimed", b -> b.put("value_bits", 5), ".coef.values is ["));
    }

    @Test
    void paddingOfLevelsIsZero() throws IOException {
        // an atom of 12 inputs takes 36 bits of 40
        VerifierTest.set(out, "model.layers.1.mlp.down_proj.dictionary.levels", 4, 0x80);
        VerifierTest.reseal(out);
        String message = assertThrows(CospadiException.class, () -> Verifier.verify(out, Progress.NONE))
                .getMessage();
        assertTrue(message.contains("dictionary.levels: row 0 has padding bits set"), message);
    }

    /** A weight kept whole: levels of 5 bits in groups of 3. */
    @Test
    void roundedWeightsComeBackAndComputeAndAreVerified() throws IOException {
        Path folder = temporary.resolve("rounded");
        Map<String, RoundedWeight> weights = new HashMap<>();
        Precision precision = new Precision(14, 16, 3);
        try (Checkpoint base = Checkpoint.open(dense)) {
            List<Path> parts = new ArrayList<>();
            for (Projection p : base.config().projections()) {
                Levels levels = RandomLevels.of(new Random(p.name().hashCode()), p.d2(), p.d1(), 5, 3);
                weights.put(p.name(), new RoundedWeight(p.d1(), p.d2(), 5, levels));
                parts.add(Files.createDirectories(folder.resolveSibling("rounded.parts"))
                        .resolve(p.name()));
                Path part = parts.get(parts.size() - 1);
                PartFile.write(part, p, null, TinyCompact.result(weights.get(p.name()), 1), precision, "fingerprint");
                try (PartFile back = PartFile.open(part)) {
                    RoundedWeight found = (RoundedWeight) back.factors();
                    assertArrayEquals(levels.values(), found.levels().values());
                    assertArrayEquals(levels.scales(), found.levels().scales());
                }
            }
            Files.createDirectories(folder);
            CompactWriter.write(
                    base,
                    parts,
                    TinyCompact.description("rtn", precision, ShardedWriter.SHARD_BYTES),
                    folder,
                    Progress.NONE);
        }
        Verifier.verify(folder, Progress.NONE);
        JsonNode block = StrictJson.readObject(folder.resolve("config.json")).get("cospadi");
        assertEquals(3, block.get("format_version").asInt());
        assertEquals(
                "{\"bits\":5,\"in\":8,\"out\":8}", block.get("modules").get(Q1).toString());
        try (CompactModel model = CompactModel.open(folder);
                Backend backend = new CpuBackend(1)) {
            for (Projection p : model.config().projections()) {
                HostMatrix one = new HostMatrix(p.d1(), p.d1());
                for (int i = 0; i < p.d1(); i++) {
                    one.data()[i * p.d1() + i] = 1;
                }
                try (Linear linear = model.projection(p, backend);
                        Matrix x = backend.upload(one);
                        Matrix y = backend.allocate(p.d1(), p.d2(), DType.F32)) {
                    linear.apply(backend, x, y);
                    float[] transposed = backend.readFloats(y);
                    for (int i = 0; i < transposed.length; i++) {
                        short stored = weights.get(p.name()).levels().values()[i % p.d2() * p.d1() + i / p.d2()];
                        assertEquals(Bfloat16.toFloat(stored), transposed[i]);
                    }
                }
            }
        }
        VerifierTest.set(folder, Q1 + ".weight.scales", 1, 0xBF);
        VerifierTest.reseal(folder);
        String message = assertThrows(CospadiException.class, () -> Verifier.verify(folder, Progress.NONE))
                .getMessage();
        assertTrue(message.contains(Q1 + ".weight.scales: row 0 has scale 0 of -"), message);
    }

    private static Case bytes(String defect, String tensor, int at, int value, String... expected) {
        return new Case(defect, folder -> VerifierTest.set(folder, tensor, at, value), List.of(expected));
    }

    private static Case bytes(String defect, String tensor, int at, int value, int at2, int value2, String expected) {
        return new Case(
                defect,
                folder -> {
                    VerifierTest.set(folder, tensor, at, value);
                    VerifierTest.set(folder, tensor, at2, value2);
                },
                List.of(expected));
    }

    private static Case block(String defect, Consumer<ObjectNode> edit, String... expected) {
        return new Case(
                defect,
                folder -> TinyCheckpoint.editJson(
                        folder.resolve("config.json"), json -> edit.accept((ObjectNode) json.get("cospadi"))),
                List.of(expected));
    }
}
