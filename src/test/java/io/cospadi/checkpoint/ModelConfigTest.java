package io.cospadi.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ModelConfigTest {
    @TempDir
    Path temporary;

    static Stream<Arguments> configs() {
        return StreamSupport.stream(Fixtures.section("configs").spliterator(), false)
                .map(c -> Arguments.of(c.get("name").asText(), c.get("config"), c.get("expected")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("configs")
    void meansWhatTransformersTakesItToMean(String name, JsonNode raw, JsonNode expected) throws IOException {
        ModelConfig config = parse(raw.toString());
        assertEquals(expected.get("head_dim").asInt(), config.headDim());
        assertEquals(expected.get("key_value_heads").asInt(), config.kvHeads());
        assertEquals(expected.get("tied").asBoolean(), config.tiedEmbeddings());
        assertEquals(expected.get("rms_eps").asDouble(), config.rmsEps());
        for (int layer = 0; layer < config.layers(); layer++) {
            JsonNode window = expected.get("windows").get(layer);
            assertEquals(window.isNull() ? Integer.MAX_VALUE : window.asInt(), config.slidingWindow()[layer]);
        }
        double[] frequencies = config.rope().frequencies(config.headDim());
        assertEquals(expected.get("frequencies").size(), frequencies.length);
        for (int j = 0; j < frequencies.length; j++) {
            double reference = expected.get("frequencies").get(j).asDouble();
            assertEquals(reference, frequencies[j], 1e-6 * reference, "frequency " + j); // theirs is f32
        }
        assertEquals(expected.get("bos").isNull() ? null : expected.get("bos").asInt(), config.bosToken());
        assertArrayEquals(ids(expected.get("eos")), config.eosTokens());
    }

    private static int[] ids(JsonNode eos) {
        if (eos.isArray()) {
            return StreamSupport.stream(eos.spliterator(), false)
                    .mapToInt(JsonNode::asInt)
                    .toArray();
        }
        return eos.isNull() ? new int[0] : new int[] {eos.asInt()};
    }

    private ModelConfig parse(String json) throws IOException {
        Path file = temporary.resolve("config.json");
        Files.writeString(file, json);
        return ModelConfig.parse(file);
    }

    @Test
    void bothLayoutsOfRopeAndDtypeMeanTheSame() {
        Path old = TinyCheckpoint.of(Architecture.LLAMA)
                .with("rope_scaling", Map.of("rope_type", "linear", "factor", 2.0))
                .write(temporary.resolve("old"));
        Path young = TinyCheckpoint.of(Architecture.LLAMA)
                .with("rope_theta", null)
                .with("torch_dtype", null)
                .with("rope_parameters", Map.of("rope_type", "linear", "factor", 2.0, "rope_theta", 10000.0))
                .with("dtype", "bfloat16")
                .write(temporary.resolve("young"));
        ModelConfig a = ModelConfig.parse(old.resolve("config.json"));
        ModelConfig b = ModelConfig.parse(young.resolve("config.json"));
        assertEquals(a.rope(), b.rope());
        assertEquals("bfloat16", b.dtype());
        assertEquals(a.dtype(), b.dtype());
    }

    @Test
    void nullTokensAreNoTokens() throws IOException {
        ModelConfig config = parse("{\"model_type\":\"llama\",\"hidden_size\":8,\"intermediate_size\":8,"
                + "\"num_hidden_layers\":1,\"num_attention_heads\":2,\"vocab_size\":4,"
                + "\"bos_token_id\":null,\"eos_token_id\":null}");
        assertNull(config.bosToken());
        assertEquals(0, config.eosTokens().length);
    }

    @Test
    void biasesFollowFamilyAndSwitches() {
        assertEquals(Set.of(), biases(Architecture.LLAMA, false));
        assertEquals(EnumSet.range(ProjectionType.Q, ProjectionType.O), biases(Architecture.LLAMA, true));
        assertEquals(EnumSet.range(ProjectionType.Q, ProjectionType.V), biases(Architecture.QWEN2, false));
        assertEquals(EnumSet.range(ProjectionType.Q, ProjectionType.O), biases(Architecture.QWEN3, true));
        assertEquals(Set.of(), biases(Architecture.MISTRAL, true));
    }

    private Set<ProjectionType> biases(Architecture architecture, boolean attentionBias) {
        Path folder = TinyCheckpoint.of(architecture)
                .with("attention_bias", attentionBias)
                .write(temporary.resolve(architecture + "" + attentionBias));
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            checkpoint.requireDense();
            return checkpoint.config().biases();
        }
    }

    @Test
    void projectionsComeInForwardOrderWithTheirShapes() {
        Path folder = TinyCheckpoint.of(Architecture.LLAMA).write(temporary.resolve("m"));
        ModelConfig config = ModelConfig.parse(folder.resolve("config.json"));
        assertEquals(14, config.projections().size());
        Projection k = config.projections().get(8);
        assertEquals("model.layers.1.self_attn.k_proj", k.name());
        assertEquals(8, k.d1());
        assertEquals(4, k.d2());
        assertEquals("model.layers.1.attn_in", k.siteName());
        Projection down = config.projections().get(13);
        assertEquals("model.layers.1.mlp.down_proj.weight", down.weightName());
        assertEquals("model.layers.1.mlp_hidden", down.siteName());
        assertEquals(12, down.d1());
        assertTrue(config.denseTensors().containsKey(ModelConfig.HEAD));
    }
}
