package io.cospadi.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Float16;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CheckpointTest {
    private static final String DOWN = "model.layers.1.mlp.down_proj.weight";

    @TempDir
    Path temporary;

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "F16", "BF16"})
    void everyTypeIsReadAsItsExactF32(DType dtype) {
        Path folder = TinyCheckpoint.of(Architecture.LLAMA).dtype(dtype).write(temporary.resolve("m"));
        try (Checkpoint checkpoint = Checkpoint.open(folder);
                Backend backend = new CpuBackend(1);
                Matrix all = checkpoint.load(DOWN, backend);
                Matrix some = checkpoint.loadRows(DOWN, 3, 4, backend)) {
            float[] expected = expected(dtype);
            assertEquals("(8, 12) F32", all.shape());
            assertArrayEquals(expected, backend.readFloats(all));
            assertArrayEquals(Arrays.copyOfRange(expected, 3 * 12, 7 * 12), backend.readFloats(some));
        }
    }

    private static float[] expected(DType dtype) {
        ByteBuffer stored = TinyCheckpoint.values(new TensorSpec(DOWN, dtype, 8, 12));
        float[] values = new float[8 * 12];
        for (int i = 0; i < values.length; i++) {
            values[i] = switch (dtype) {
                case F32 -> stored.getFloat();
                case F16 -> Float16.toFloat(stored.getShort());
                default -> Bfloat16.toFloat(stored.getShort());
            };
        }
        return values;
    }

    @Test
    void vectorsAreOneRow() {
        Path folder = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("m"));
        try (Checkpoint checkpoint = Checkpoint.open(folder);
                Backend backend = new CpuBackend(1);
                Matrix norm = checkpoint.load(ModelConfig.FINAL_NORM, backend)) {
            assertEquals("(1, 8) F32", norm.shape());
        }
    }

    @Test
    void loadingRefusesWhatIsNotFiniteAndLeavesNothingAllocated() {
        Path folder = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("m"));
        try (Checkpoint checkpoint = Checkpoint.open(folder);
                Backend backend = new CpuBackend(1)) {
            StoredTensor down = checkpoint.tensor(DOWN);
            byte[] bytes = RawSafetensors.read(down.file());
            bytes[(int) down.begin() + 2 * (5 * 12 + 7)] = (byte) 0x80;
            bytes[(int) down.begin() + 2 * (5 * 12 + 7) + 1] = (byte) 0x7F;
            RawSafetensors.write(down.file(), bytes);
            String message = assertThrows(CospadiException.class, () -> checkpoint.load(DOWN, backend))
                    .getMessage();
            assertTrue(message.contains(DOWN + " holds NaN or infinity at element 67 of [8, 12]"), message);
            checkpoint.loadRows(DOWN, 0, 5, backend).close();
            assertEquals(0, backend.allocatedBytes());
        }
    }

    @Test
    void shardsReadLikeOneFile() {
        Path one = TinyCheckpoint.of(Architecture.QWEN3).write(temporary.resolve("one"));
        Path many = TinyCheckpoint.of(Architecture.QWEN3).shards(500).write(temporary.resolve("many"));
        try (Checkpoint a = Checkpoint.open(one);
                Checkpoint b = Checkpoint.open(many)) {
            a.requireDense();
            b.requireDense();
            assertTrue(b.files().size() > 2);
            assertEquals(a.tensors().keySet(), b.tensors().keySet());
            a.tensors()
                    .forEach((name, tensor) -> assertEquals(
                            a.map(tensor, 0, tensor.rows()), b.map(b.tensor(name), 0, tensor.rows()), name));
        }
    }

    @Test
    void tiedHeadMayBeStoredOrNot() {
        TinyCheckpoint tied = TinyCheckpoint.of(Architecture.LLAMA).with("tie_word_embeddings", true);
        try (Checkpoint without = Checkpoint.open(tied.write(temporary.resolve("without")));
                Checkpoint with =
                        Checkpoint.open(tied.extra(ModelConfig.HEAD, 10, 8).write(temporary.resolve("with")))) {
            without.requireDense();
            with.requireDense();
            assertEquals(List.of(), without.extras());
            assertEquals(List.of(ModelConfig.HEAD), with.extras());
        }
        Path misshapen = tied.extra(ModelConfig.HEAD, 10, 7).write(temporary.resolve("misshapen"));
        try (Checkpoint checkpoint = Checkpoint.open(misshapen)) {
            assertThrows(CospadiException.class, checkpoint::requireDense);
        }
    }

    @Test
    void unknownTensorsAreExtras() {
        Path folder = TinyCheckpoint.of(Architecture.LLAMA)
                .extra("model.layers.0.self_attn.rotary_emb.inv_freq", 2)
                .extra("z", 2, 2, 2)
                .write(temporary.resolve("m"));
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            checkpoint.requireDense();
            assertEquals(List.of("model.layers.0.self_attn.rotary_emb.inv_freq", "z"), checkpoint.extras());
        }
    }

    @Test
    void compactConfigsAreReadByTheirModelType() {
        Path folder = TinyCheckpoint.of(Architecture.QWEN2)
                .with("architectures", List.of("CospadiQwen2ForCausalLM"))
                .with("cospadi", Map.of("format_version", 1))
                .write(temporary.resolve("m"));
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            assertEquals(Architecture.QWEN2, checkpoint.config().architecture());
            assertEquals(1, checkpoint.compactBlock().get("format_version").asInt());
        }
    }

    @Test
    void scanReportsItsProgressInBytes() {
        Path folder = TinyCheckpoint.of(Architecture.LLAMA).shards(500).write(temporary.resolve("m"));
        List<Long> done = new ArrayList<>();
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            long total = checkpoint.tensors().values().stream()
                    .mapToLong(StoredTensor::bytes)
                    .sum();
            checkpoint.scanFinite((bytes, all) -> {
                assertEquals(total, all);
                assertTrue(done.isEmpty() || bytes >= done.get(done.size() - 1));
                done.add(bytes);
            });
            assertEquals(total, done.get(done.size() - 1));
        }
    }

    @Test
    void fingerprintsSeeWhatTheyClaimToSee() throws IOException {
        Path a = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("a"));
        Path b = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("b"));
        assertEquals(header(a), header(b));
        assertEquals(content(a), content(b));
        Path weights = b.resolve("model.safetensors");
        byte[] bytes = RawSafetensors.read(weights);
        bytes[bytes.length - 1] ^= 1;
        RawSafetensors.write(weights, bytes);
        assertEquals(header(a), header(b), "headers are as they were");
        assertNotEquals(content(a), content(b));
        Files.writeString(b.resolve("config.json"), Files.readString(b.resolve("config.json")) + " ");
        assertNotEquals(header(a), header(b));
    }

    private static String header(Path folder) {
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            return checkpoint.headerFingerprint();
        }
    }

    private static String content(Path folder) {
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            return checkpoint.contentFingerprint(Progress.NONE);
        }
    }

    /** The hub's cache keeps files as links from snapshots to blobs; these may be followed. */
    @Test
    void linksIntoTheHubsOwnBlobsAreFollowed() throws IOException {
        Path cache = temporary.resolve("models--x--tiny");
        Path snapshot = TinyCheckpoint.of(Architecture.LLAMA).shards(900).write(cache.resolve("snapshots/abc"));
        Path blobs = Files.createDirectories(cache.resolve("blobs"));
        try (var files = Files.list(snapshot)) {
            for (Path file : files.toList()) {
                Path blob = blobs.resolve("hash-of-" + file.getFileName());
                Files.move(file, blob);
                Files.createSymbolicLink(file, Path.of("../../blobs").resolve(blob.getFileName()));
            }
        }
        try (Checkpoint checkpoint = Checkpoint.open(snapshot)) {
            checkpoint.requireDense();
        }
    }

    @Test
    void aFileThatShrankIsNoticed() {
        Path folder = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("m"));
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            RawSafetensors.write(folder.resolve("model.safetensors"), new byte[100]);
            String message = assertThrows(CospadiException.class, () -> checkpoint.scanFinite(Progress.NONE))
                    .getMessage();
            assertTrue(message.contains("100 bytes, expected") && message.contains("another program"), message);
        }
    }
}
