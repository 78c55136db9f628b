package io.cospadi.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.Architecture;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.SafetensorsWriter;
import io.cospadi.checkpoint.ShardedWriter;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.checkpoint.TensorSpec;
import io.cospadi.checkpoint.TinyCheckpoint;
import io.cospadi.decoder.Linear;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A shared dictionary in the format, its reader, its verifier and its accounting, made by hand of an unshared folder. */
class SharedDictionaryTest {
    private static final List<String> MEMBERS = List.of("model.layers.1.mlp.gate_proj", "model.layers.1.mlp.up_proj");

    @TempDir
    Path temporary;

    private Path dense;
    private Path folder;
    private CompactSizes apart;

    @BeforeEach
    void shareTheDictionaryOfGateAndUp() throws IOException {
        dense = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("dense"));
        folder = temporary.resolve("out");
        apart = TinyCompact.write(dense, folder);
        moveDictionary();
        TinyCheckpoint.editJson(
                folder.resolve("config.json"),
                json -> MEMBERS.forEach(
                        name -> ((ObjectNode) json.at("/cospadi/modules").get(name)).put("group", "g1")));
        claimSizes();
        VerifierTest.reseal(folder);
    }

    private void moveDictionary() throws IOException {
        Map<TensorSpec, byte[]> tensors = new LinkedHashMap<>();
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            List<StoredTensor> stored = new ArrayList<>(checkpoint.tensors().values());
            stored.sort(Comparator.comparing(StoredTensor::begin));
            for (StoredTensor tensor : stored) {
                String name = tensor.name();
                if (name.equals(CompactFormat.dictionaryStem(MEMBERS.get(0)) + ".weight")) {
                    name = "cospadi_shared.g1.dictionary.weight";
                } else if (name.equals(CompactFormat.dictionaryStem(MEMBERS.get(1)) + ".weight")) {
                    continue;
                }
                byte[] bytes = new byte[(int) tensor.bytes()];
                checkpoint.mapBytes(tensor, 0, bytes.length).get(bytes);
                tensors.put(new TensorSpec(name, tensor.dtype(), tensor.shape()), bytes);
            }
        }
        Path weights = folder.resolve("model.safetensors");
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(weights, List.copyOf(tensors.keySet()), CompactLayout.METADATA)) {
            tensors.values().forEach(bytes -> writer.append(ByteBuffer.wrap(bytes)));
            writer.finish();
        }
    }

    private void claimSizes() {
        CompactSizes sizes = sizes();
        TinyCheckpoint.editJson(folder.resolve("config.json"), json -> ((ObjectNode) json.get("cospadi"))
                .put("cr_true_projections", sizes.ratioProjections())
                .put("cr_true_file", sizes.ratioFile()));
        TinyCheckpoint.editJson(folder.resolve(CompactFormat.MANIFEST), json -> {
            ObjectNode claimed = (ObjectNode) json.get("sizes");
            claimed.put("projection_bytes", sizes.projectionBytes()).put("file_bytes", sizes.fileBytes());
            ((ObjectNode) claimed.get("files")).put("model.safetensors", sizes.fileBytes());
        });
    }

    private CompactSizes sizes() {
        try (CompactModel model = CompactModel.open(folder)) {
            return model.sizes();
        }
    }

    @Test
    void countsOnce() {
        CompactSizes verified = Verifier.verify(folder, Progress.NONE).sizes();
        assertEquals(apart.projectionBytes() - 2L * TinyCompact.K * 8, verified.projectionBytes());
    }

    @Test
    void countsOnceInAPlan() {
        TreeMap<String, Optional<CompactModule>> targeted = new TreeMap<>();
        try (CompactModel model = CompactModel.open(folder);
                Checkpoint base = Checkpoint.open(dense)) {
            model.block().modules().forEach((name, module) -> targeted.put(name, Optional.of(module)));
            model.block().keptDense().forEach(name -> targeted.put(name, Optional.empty()));
            assertEquals(
                    model.sizes().projectionBytes(),
                    CompactLayout.of(base, targeted, Precision.DEFAULT, ShardedWriter.SHARD_BYTES)
                            .sizes()
                            .projectionBytes());
        }
    }

    @Test
    void servesEveryMember() {
        try (CompactModel model = CompactModel.open(folder);
                Backend backend = new CpuBackend(1)) {
            for (Projection p : model.config().projections()) {
                try (Linear linear = model.projection(p, backend)) {
                    assertEquals(p.d1(), linear.d1());
                    assertEquals(p.d2(), linear.d2());
                }
            }
            assertEquals(0, backend.allocatedBytes());
        }
    }

    @Test
    void isInMemoryOnceWhileAMemberHoldsIt() {
        try (CompactModel model = CompactModel.open(folder);
                Backend backend = new CpuBackend(1)) {
            List<Projection> members = model.config().projections().stream()
                    .filter(p -> MEMBERS.contains(p.name()))
                    .toList();
            Linear first = model.projection(members.get(0), backend);
            long alone = backend.allocatedBytes();
            Linear second = model.projection(members.get(1), backend);
            long dictionary = 4L * TinyCompact.K * members.get(0).d1();
            assertEquals(2 * alone - dictionary, backend.allocatedBytes());
            first.close();
            assertEquals(alone, backend.allocatedBytes());
            try (Matrix x = backend.allocate(1, second.d1(), DType.F32);
                    Matrix y = backend.allocate(1, second.d2(), DType.F32);
                    Matrix again = backend.allocate(1, second.d2(), DType.F32)) {
                backend.fill(x, 1);
                second.apply(backend, x, y);
                second.close();
                try (Linear reloaded = model.projection(members.get(1), backend)) {
                    reloaded.apply(backend, x, again);
                }
                assertArrayEquals(backend.readFloats(y), backend.readFloats(again));
            }
            assertEquals(0, backend.allocatedBytes());
        }
    }

    @Test
    void membersThatDisagreeAreRefused() {
        TinyCheckpoint.editJson(
                folder.resolve("config.json"),
                json -> ((ObjectNode) json.at("/cospadi/modules").get(MEMBERS.get(1))).put("k", 12));
        String message = assertThrows(CospadiException.class, () -> CompactModel.open(folder))
                .getMessage();
        assertTrue(message.contains(MEMBERS.get(1)) && message.contains("as in the rest of group g1"), message);
    }

    @Test
    void aSharedDictionaryOfNobodyIsRefused() {
        TinyCheckpoint.editJson(
                folder.resolve("config.json"),
                json -> MEMBERS.forEach(
                        name -> ((ObjectNode) json.at("/cospadi/modules").get(name)).put("group", "g2")));
        assertTrue(assertThrows(CospadiException.class, () -> CompactModel.open(folder))
                .getMessage()
                .contains("cospadi_shared.g2.dictionary.weight is missing"));
    }
}
