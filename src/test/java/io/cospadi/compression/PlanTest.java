package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.budget.Allocation;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.factorization.FactorShape;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.StringJoiner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlanTest {
    @TempDir
    Path folder;

    /** Llama-3-8B: config, headers, and a file of the right length without any data in it. */
    private Path llama3() throws IOException {
        Files.writeString(folder.resolve("config.json"), """
                {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096,
                 "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
                 "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 8192,
                 "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "hidden_act": "silu",
                 "tie_word_embeddings": false, "torch_dtype": "bfloat16"}
                """);
        Map<String, long[]> tensors =
                ModelConfig.parse(folder.resolve("config.json")).denseTensors();
        StringJoiner header = new StringJoiner(",", "{", "}");
        long offset = 0;
        for (Map.Entry<String, long[]> tensor : tensors.entrySet()) {
            long end = offset + 2 * Arrays.stream(tensor.getValue()).reduce(1, Math::multiplyExact);
            header.add("\"" + tensor.getKey() + "\":{\"dtype\":\"BF16\",\"shape\":" + Arrays.toString(tensor.getValue())
                    + ",\"data_offsets\":[" + offset + "," + end + "]}");
            offset = end;
        }
        byte[] bytes = header.toString().getBytes(StandardCharsets.UTF_8);
        try (RandomAccessFile file =
                new RandomAccessFile(folder.resolve("model.safetensors").toFile(), "rw")) {
            file.write(ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(bytes.length)
                    .array());
            file.write(bytes);
            file.setLength(8 + bytes.length + offset); // sparse
        }
        return folder;
    }

    private static Recipe recipe(String yaml) {
        return RecipeDocument.parse(yaml, "").recipe();
    }

    @Test
    void llama3IsPlannedFromHeadersAlone() throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(llama3())) {
            Plan plan = Plan.of(checkpoint, recipe("ratio: 0.2\nshare: 1"), true, 8, 0);
            assertEquals(7 * 32, plan.allocations().size());
            for (Allocation a : plan.allocations()) {
                assertTrue(a.ratio() >= 0.2, a.toString());
                int d1 = a.projection().d1();
                int d2 = a.projection().d2();
                assertEquals(a.k() / 2, a.s());
                assertEquals(new FactorShape(d1, d2, a.k(), a.s()).bytesOnDisk(), a.bytes());
                long larger = new FactorShape(d1, d2, a.k() + 1, (a.k() + 1) / 2).bytesOnDisk();
                assertTrue(larger > 0.8 * 2 * d1 * d2, "k could be larger: " + a);
            }
            // q is 4096 x 4096: k (8192 + 4096·(14/16 + 1/8)) = 0.8·2·4096² gives 2184.5
            assertEquals(2184, plan.allocations().get(0).k());
            long total =
                    plan.allocations().stream().mapToLong(Allocation::bytes).sum();
            assertEquals(total, plan.sizes().projectionBytes());
            assertTrue(plan.sizes().ratioProjections() >= 0.2 && plan.sizes().ratioProjections() < 0.205);
            assertTrue(plan.sizes().ratioFile() < plan.sizes().ratioProjections());
            long model = 16_060_522_496L;
            assertTrue(plan.sizes().baseFileBytes() > model && plan.sizes().baseFileBytes() < model + 100_000);
            assertTrue(plan.peakMemory().bytes() > 4L << 30 && plan.peakMemory().bytes() < model, "one layer, not all");
            assertTrue(plan.time().seconds() > 600 && plan.time().basis().contains("8 threads"));
        }
    }

    @Test
    void gramsAtHandCostNeitherTimeNorSpace() throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(llama3())) {
            Plan with = Plan.of(checkpoint, recipe("ratio: 0.2\nshare: 1"), true, 8, 0);
            Plan without = Plan.of(checkpoint, recipe("ratio: 0.2\nshare: 1"), false, 8, 0);
            assertEquals(0, without.time().calibrationSeconds());
            assertEquals(with.time().factorizationSeconds(), without.time().factorizationSeconds());
            long grams = 32L * 8 * (3L * 4096 * 4096 + 14336L * 14336);
            assertEquals(grams, with.workBytes() - without.workBytes());
        }
    }

    @Test
    void meterReplacesAssumedRatesByMeasuredOnesAndNeverGoesBack() {
        long[] now = {0};
        WorkMeter meter = new WorkMeter(() -> now[0]);
        meter.expect(WorkMeter.Kind.FACTORIZE, 100e9);
        meter.allAnnounced();
        assertEquals(2, meter.secondsLeft(), 1e-9, "at the assumed 50e9 a second");
        meter.begin(WorkMeter.Kind.FACTORIZE);
        double last = 0;
        for (int i = 1; i <= 10; i++) {
            now[0] += 1_000_000_000L; // a fifth of the assumed rate
            meter.reached(i * 10e9);
            assertTrue(meter.fraction() >= last);
            last = meter.fraction();
            assertEquals(10 - i, meter.secondsLeft(), 1e-6);
        }
        assertEquals(1, last);
    }

    @Test
    void kindThatHasNotBegunIsCorrectedByTheOthers() {
        long[] now = {0};
        WorkMeter meter = new WorkMeter(() -> now[0]);
        meter.expect(WorkMeter.Kind.CALIBRATE, 50e9);
        meter.expect(WorkMeter.Kind.FACTORIZE, 50e9);
        meter.allAnnounced();
        meter.begin(WorkMeter.Kind.CALIBRATE);
        now[0] += 4_000_000_000L; // four times slower than assumed
        meter.reached(50e9);
        assertEquals(4, meter.secondsLeft(), 1e-6);
        assertEquals(0.5, meter.fraction(), 1e-6);
    }
}
