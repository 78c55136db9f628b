package io.cospadi.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Writes model folders of a few kilobytes with random weights, for tests. */
public final class TinyCheckpoint {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final ObjectNode config;
    private final Map<String, long[]> extras = new LinkedHashMap<>();
    private DType dtype = DType.BF16;
    private long shardBytes = Long.MAX_VALUE;

    private TinyCheckpoint(ObjectNode config) {
        this.config = config;
    }

    /** Two layers, hidden 8, MLP 12, two heads of 4 over one key-value head, vocabulary 10. */
    public static TinyCheckpoint of(Architecture architecture) {
        ObjectNode config = JSON.createObjectNode();
        config.putArray("architectures").add(architecture.family() + "ForCausalLM");
        config.put("model_type", architecture.modelType());
        config.put("hidden_size", 8).put("intermediate_size", 12).put("num_hidden_layers", 2);
        config.put("num_attention_heads", 2).put("num_key_value_heads", 1).put("head_dim", 4);
        config.put("vocab_size", 10).put("max_position_embeddings", 64).put("rms_norm_eps", 1e-5);
        config.put("hidden_act", "silu").put("rope_theta", 10000.0).put("tie_word_embeddings", false);
        config.put("bos_token_id", 1).put("eos_token_id", 2).put("torch_dtype", "bfloat16");
        return new TinyCheckpoint(config);
    }

    /** Changes config.json's values before anything is written. */
    public TinyCheckpoint with(String key, Object value) {
        config.set(key, JSON.valueToTree(value));
        return this;
    }

    public TinyCheckpoint dtype(DType newDtype) {
        dtype = newDtype;
        return this;
    }

    public TinyCheckpoint shards(long bytes) {
        shardBytes = bytes;
        return this;
    }

    /** A tensor that the architecture doesn't know. */
    public TinyCheckpoint extra(String name, long... shape) {
        extras.put(name, shape);
        return this;
    }

    /** Writes config.json and the weights; returns the folder. */
    public Path write(Path folder) {
        try {
            Files.createDirectories(folder);
            Files.write(folder.resolve("config.json"), JSON.writeValueAsBytes(config));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        ModelConfig parsed = ModelConfig.parse(folder.resolve("config.json"));
        Map<String, long[]> shapes = new LinkedHashMap<>(parsed.denseTensors());
        shapes.putAll(extras);
        List<TensorSpec> specs = new ArrayList<>();
        shapes.forEach((name, shape) -> specs.add(new TensorSpec(name, dtype, shape)));
        try (ShardedWriter writer = ShardedWriter.create(folder, specs, Map.of("format", "pt"), shardBytes)) {
            for (TensorSpec spec : writer.order()) {
                writer.append(values(spec));
            }
            writer.finish();
        }
        return folder;
    }

    /** Gaussian values that depend on the tensor's name alone. */
    static ByteBuffer values(TensorSpec spec) {
        Random random = new Random(spec.name().hashCode());
        ByteBuffer bytes = ByteBuffer.allocate((int) spec.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            float value = (float) random.nextGaussian() / 4;
            switch (spec.dtype()) {
                case F64 -> bytes.putDouble(value);
                case F32 -> bytes.putFloat(value);
                case F16 -> bytes.putShort((short) (random.nextInt() & 0xBBFF)); // any but the highest exponents
                case BF16 -> bytes.putShort(Bfloat16.fromFloat(value));
                default -> bytes.put((byte) random.nextInt());
            }
        }
        return bytes.flip();
    }

    /** Rewrites a JSON file of a folder. */
    public static void editJson(Path file, java.util.function.Consumer<ObjectNode> edit) {
        try {
            JsonNode json = JSON.readTree(file.toFile());
            edit.accept((ObjectNode) json);
            Files.write(file, JSON.writeValueAsBytes(json));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
