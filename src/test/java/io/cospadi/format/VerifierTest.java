package io.cospadi.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.checkpoint.Architecture;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Sha256;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.checkpoint.TinyCheckpoint;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class VerifierTest {
    private static final String Q1 = "model.layers.1.self_attn.q_proj";
    private static final String WEIGHTS = "model.safetensors";

    @TempDir
    Path temporary;

    /** Plants a defect in a compact folder; the checksums are made to fit unless they are what is to be noticed. */
    interface Plant {
        void in(Path folder) throws IOException;
    }

    /** One defect and what the message must name. */
    record Case(String defect, boolean resealed, Plant plant, List<String> expected) {
        @Override
        public String toString() {
            return defect;
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource({"unsealed", "bytes", "claims"})
    void defectIsNamed(Case hostile) throws IOException {
        Path folder = compact();
        hostile.plant().in(folder);
        if (hostile.resealed()) {
            reseal(folder);
        }
        String message = assertThrows(CospadiException.class, () -> Verifier.verify(folder, Progress.NONE))
                .getMessage();
        assertFalse(message.contains("\n"), message);
        for (String expected : hostile.expected()) {
            assertTrue(message.contains(expected), () -> "lacks \"" + expected + "\": " + message);
        }
    }

    private Path compact() {
        Path dense = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("dense"));
        Path out = temporary.resolve("out");
        TinyCompact.write(dense, out);
        return out;
    }

    @Test
    void anyFlippedBitOfAnyFileIsNoticed() throws IOException {
        Path folder = compact();
        for (String path :
                Checksums.read(folder.resolve(CompactFormat.CHECKSUMS)).keySet()) {
            Path file = folder.resolve(path);
            byte[] sound = Files.readAllBytes(file);
            for (int at = 0; at < sound.length; at += Math.max(1, sound.length / 12)) {
                byte[] flipped = sound.clone();
                flipped[at] ^= (byte) (1 << (at % 8));
                Files.write(file, flipped);
                assertThrows(
                        CospadiException.class, () -> Verifier.verify(folder, Progress.NONE), path + " byte " + at);
            }
            Files.write(file, sound);
        }
        assertTrue(Verifier.verify(folder, Progress.NONE).compact());
    }

    @Test
    void denseFoldersAreVerifiedToo() {
        Path dense = TinyCheckpoint.of(Architecture.MISTRAL).extra("extra", 2).write(temporary.resolve("dense"));
        Verifier.Summary summary = Verifier.verify(dense, Progress.NONE);
        assertFalse(summary.compact());
        assertEquals(List.of("extra"), summary.extras());
    }

    @Test
    void tokenizerOfADenseFolderIsLoaded() throws IOException {
        Path dense = TinyCheckpoint.of(Architecture.MISTRAL).write(temporary.resolve("dense"));
        assertFalse(Verifier.verify(dense, Progress.NONE).tokenizer());
        for (String broken : List.of("", "{", "{}", "{\"model\": {\"type\": \"none\", \"vocab\": {\"a\": 0}}}")) {
            Files.writeString(dense.resolve("tokenizer.json"), broken);
            String message = assertThrows(CospadiException.class, () -> Verifier.verify(dense, Progress.NONE))
                    .getMessage();
            assertTrue(message.startsWith(dense.resolve("tokenizer.json") + ": "), message);
        }
        Files.delete(dense.resolve("tokenizer.json"));
        Files.createSymbolicLink(dense.resolve("tokenizer.json"), dense.resolve("nowhere"));
        assertThrows(CospadiException.class, () -> Verifier.verify(dense, Progress.NONE));
    }

    @Test
    void reportsAndModelCardMayLieBeside() throws IOException {
        Path folder = compact();
        Files.writeString(folder.resolve("README.md"), "a model");
        Files.writeString(folder.resolve("cospadi/report.json"), "{}");
        Verifier.Summary summary = Verifier.verify(folder, Progress.NONE);
        assertTrue(summary.compact());
        assertEquals(List.of("README.md", "cospadi/report.json"), summary.unchecked());
    }

    static Stream<Case> unsealed() {
        return Stream.of(
                unsealed(
                        "file too many", f -> Files.writeString(f.resolve("run.py"), "x"), "run.py", "unexpected file"),
                unsealed(
                        "file in a strange folder",
                        f -> Files.createDirectory(f.resolve("x"))
                                .resolve("y")
                                .toFile()
                                .createNewFile(),
                        "x/y",
                        "unexpected file"),
                unsealed(
                        "link",
                        f -> Files.createSymbolicLink(f.resolve("README.md"), f.resolve("config.json")),
                        "README.md",
                        "not a regular file"),
                unsealed("file too few", f -> Files.delete(f.resolve("tokenizer.json")), "tokenizer.json", "missing"),
                unsealed("no checksums", f -> Files.delete(f.resolve("cospadi/SHA256SUMS")), "SHA256SUMS", "missing"),
                unsealed(
                        "no manifest",
                        f -> Files.delete(f.resolve("cospadi/manifest.json")),
                        "manifest.json",
                        "missing"),
                unsealed(
                        "changed tokenizer",
                        f -> Files.writeString(f.resolve("tokenizer.json"), "[]"),
                        "tokenizer.json",
                        "sha256 is"),
                unsealed(
                        "checksum that climbs out",
                        f -> append(f, "0".repeat(64) + "  ../x\n"),
                        "SHA256SUMS: line",
                        "path inside the folder"),
                unsealed(
                        "checksum of an absolute path",
                        f -> append(f, "0".repeat(64) + "  /etc/passwd\n"),
                        "SHA256SUMS: line"),
                unsealed(
                        "checksum of a hidden climb",
                        f -> append(f, "0".repeat(64) + "  cospadi/../../x\n"),
                        "SHA256SUMS: line"),
                unsealed("malformed checksum line", f -> append(f, "hello\n"), "SHA256SUMS: line", "\"hello\""),
                unsealed(
                        "file twice in the checksums", f -> append(f, "0".repeat(64) + "  config.json\n"), "each once"),
                unsealed(
                        "config.json left out of the checksums",
                        f -> edit(f.resolve("cospadi/SHA256SUMS"), "(?m)^.*config.json\n", ""),
                        "config.json is missing, expected a line"));
    }

    static Stream<Case> bytes() {
        return Stream.of(
                flip(
                        "mask bit too many",
                        CompactFormat.maskName(Q1),
                        2,
                        0xFF,
                        Q1 + ".coef.mask: row 1 has",
                        "mask bits, expected exactly 4"),
                flip(
                        "empty mask row",
                        CompactFormat.maskName(Q1),
                        6,
                        0x00,
                        "row 3 has",
                        "mask bits, expected exactly 4"),
                flip("mask bit past the last atom", CompactFormat.maskName(Q1), 1, 0xF8, "coef.mask: row 0 has"),
                flip(
                        "infinite value",
                        CompactFormat.valuesName(Q1),
                        0,
                        0xE0,
                        1,
                        0x1F,
                        Q1 + ".coef.values: row 0 has value 0 is Infinity"),
                flip(
                        "NaN in the dictionary",
                        CompactFormat.dictionaryStem(Q1) + ".weight",
                        0,
                        0xC0,
                        1,
                        0x7F,
                        Q1 + ".dictionary.weight holds NaN or infinity at element 0"),
                flip(
                        "NaN in a norm",
                        "model.norm.weight",
                        2,
                        0xC0,
                        3,
                        0x7F,
                        "model.norm.weight holds NaN or infinity at element 1"));
    }

    static Stream<Case> claims() {
        return Stream.of(
                block(
                        "another format version",
                        b -> b.put("format_version", 4),
                        "format_version is 4, expected 1 to 3"),
                block("format version 0", b -> b.put("format_version", 0), "format_version is 0, expected 1 to 3"),
                block("another width of values", b -> b.put("value_bits", 13), "value_bits is 13"),
                block("16-bit values claimed", b -> b.put("value_bits", 16), "coef.values is", "expected [4, 4] BF16"),
                block("ratio polished", b -> b.put("cr_true_projections", 0.5), "cr_true_projections is 0.5, expected"),
                block("file ratio polished", b -> b.put("cr_true_file", 0.5), "cr_true_file is 0.5, expected"),
                block(
                        "base made smaller than its tensors",
                        b -> {
                            b.put("base_file_bytes", 10);
                            b.put("cr_true_file", -500.0);
                        },
                        "expected"),
                block("ratio that is no number", b -> b.put("cr_target", "much"), "cr_target is \"much\""),
                block("s beyond k", b -> module(b).put("s", 12), Q1, "s of at most k"),
                block(
                        "k of another size",
                        b -> module(b).put("k", 10),
                        Q1 + ".dictionary.weight is [11, 8] BF16, expected [10, 8] BF16"),
                block(
                        "s of another size",
                        b -> module(b).put("s", 5),
                        Q1 + ".coef.values is [8, 7] U8, expected [8, 9] U8"),
                block("s of the same padded size", b -> module(b).put("s", 3), Q1),
                block("k of a milliard", b -> module(b).put("k", 1_000_000_000), "k is 1000000000"),
                block("width of another model", b -> module(b).put("in", 9), "expected in 8 and out 8"),
                block(
                        "group without its dictionary",
                        b -> module(b).put("group", "g"),
                        "cospadi_shared.g.dictionary.weight is missing"),
                block("group name that is no name", b -> module(b).put("group", "../g"), "group is \"../g\""),
                block(
                        "unknown projection",
                        b -> modules(b).set("model.layers.9.self_attn.q_proj", module(b)),
                        "model.layers.9.self_attn.q_proj"),
                block("module left out", b -> modules(b).remove(Q1), Q1 + ".weight is missing"),
                block("dense one left out", b -> b.putArray("kept_dense"), "cr_true_projections is"),
                block("kept dense and factored", b -> b.withArray("kept_dense").add(Q1), "kept_dense is \"" + Q1),
                block(
                        "shared basis before it was specified",
                        b -> module(b).put("r", 3).put("group", "g"),
                        Q1 + ".group is \"g\", expected none in format version 1"),
                block(
                        "shared basis that is not there",
                        b -> module(b.put("format_version", 2)).put("r", 3).put("group", "g"),
                        "cospadi_shared.g.down.weight is missing"),
                block("rank instead of atoms", b -> module(b).put("r", 3), Q1 + ".down.weight is missing"),
                block(
                        "mask rule that rows don't obey",
                        b -> b.put("mask_groups", "2:4"),
                        "coef.mask: row 0 has",
                        "by mask_groups 2:4"),
                block(
                        "unknown mask rule",
                        b -> b.put("mask_groups", "3:7"),
                        "mask_groups is \"3:7\", expected one of none, 8:16, 2:4"),
                block("no modules", b -> b.remove("modules"), "modules is missing"),
                manifest(
                        "manifest with another size",
                        m -> ((ObjectNode) m.get("sizes").get("files")).put(WEIGHTS, 1),
                        "manifest.json: sizes.files." + WEIGHTS + " is 1, expected"),
                manifest(
                        "manifest with a file too many",
                        m -> ((ObjectNode) m.get("sizes").get("files")).put("x", 1),
                        "sizes.files.x is 1, expected no such entry"),
                manifest(
                        "manifest with other projection bytes",
                        m -> ((ObjectNode) m.get("sizes")).put("projection_bytes", 1),
                        "sizes.projection_bytes is 1"),
                manifest("manifest without sizes", m -> m.remove("sizes"), "sizes is missing"));
    }

    private static Case unsealed(String defect, Plant plant, String... expected) {
        return new Case(defect, false, plant, List.of(expected));
    }

    private static Case block(String defect, Consumer<ObjectNode> edit, String... expected) {
        return new Case(
                defect,
                true,
                folder -> TinyCheckpoint.editJson(
                        folder.resolve("config.json"), json -> edit.accept((ObjectNode) json.get("cospadi"))),
                List.of(expected));
    }

    private static Case manifest(String defect, Consumer<ObjectNode> edit, String... expected) {
        return new Case(
                defect,
                true,
                folder -> TinyCheckpoint.editJson(folder.resolve("cospadi/manifest.json"), edit),
                List.of(expected));
    }

    private static Case flip(String defect, String tensor, int at, int value, String... expected) {
        return new Case(defect, true, folder -> set(folder, tensor, at, value), List.of(expected));
    }

    private static Case flip(String defect, String tensor, int at, int value, int at2, int value2, String... expected) {
        return new Case(
                defect,
                true,
                folder -> {
                    set(folder, tensor, at, value);
                    set(folder, tensor, at2, value2);
                },
                List.of(expected));
    }

    private static ObjectNode modules(ObjectNode block) {
        return (ObjectNode) block.get("modules");
    }

    private static ObjectNode module(ObjectNode block) {
        return (ObjectNode) modules(block).get(Q1);
    }

    static void set(Path folder, String tensor, int at, int value) throws IOException {
        long begin;
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            StoredTensor stored = checkpoint.tensor(tensor);
            begin = stored.begin();
        }
        byte[] bytes = Files.readAllBytes(folder.resolve(WEIGHTS));
        bytes[(int) begin + at] = (byte) value;
        Files.write(folder.resolve(WEIGHTS), bytes);
    }

    private static void append(Path folder, String line) throws IOException {
        Path file = folder.resolve("cospadi/SHA256SUMS");
        Files.writeString(file, Files.readString(file) + line);
    }

    private static void edit(Path file, String regex, String replacement) throws IOException {
        Files.writeString(file, Files.readString(file).replaceFirst(regex, replacement));
    }

    /** Makes the size of config.json in the manifest and all checksums fit what is there. */
    static void reseal(Path folder) throws IOException {
        Path manifest = folder.resolve(CompactFormat.MANIFEST);
        long size = Files.size(folder.resolve("config.json"));
        TinyCheckpoint.editJson(manifest, json -> {
            if (json.has("sizes")) {
                ((ObjectNode) json.get("sizes").get("files")).put("config.json", size);
            }
        });
        SortedMap<String, String> checksums = Checksums.read(folder.resolve(CompactFormat.CHECKSUMS));
        checksums.replaceAll((path, hash) -> Sha256.of(folder.resolve(path), bytes -> {}));
        Files.write(folder.resolve(CompactFormat.CHECKSUMS), Checksums.format(checksums));
    }
}
