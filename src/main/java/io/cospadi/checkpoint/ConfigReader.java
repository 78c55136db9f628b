package io.cospadi.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.tensor.CospadiException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * config.json to {@link ModelConfig}, in both of transformers' layouts: {@code rope_theta} + {@code rope_scaling} +
 * {@code torch_dtype}, and {@code rope_parameters} + {@code dtype}. Where a key is absent, transformers' default for the
 * family holds; a width has none, so it must be there.
 */
final class ConfigReader {
    private static final int MAX_LAYERS = 10_000;
    private static final int MAX_WIDTH = 1 << 20;
    private static final int MAX_VOCABULARY = 1 << 24;
    private static final List<String> EXPERT_KEYS =
            List.of("num_experts", "num_local_experts", "n_routed_experts", "moe_intermediate_size", "moe_num_experts");

    private final Path file;
    private final ObjectNode json;

    ConfigReader(Path file, ObjectNode json) {
        this.file = file;
        this.json = json;
    }

    ModelConfig read() {
        Architecture architecture = architecture();
        refuseWhatIsNotDense();
        int hidden = size("hidden_size", 1, MAX_WIDTH);
        int intermediate = size("intermediate_size", 1, MAX_WIDTH);
        int layers = size("num_hidden_layers", 1, MAX_LAYERS);
        int heads = size("num_attention_heads", 1, MAX_WIDTH);
        int kvHeads = kvHeads(architecture, heads);
        int headDim = headDim(architecture, hidden, heads);
        int vocab = size("vocab_size", 1, MAX_VOCABULARY);
        int positions = size("max_position_embeddings", defaultPositions(architecture), 1, Integer.MAX_VALUE);
        double eps = number(json, "rms_norm_eps", 1e-6);
        if (!(eps >= 0 && eps < 1)) {
            throw wrong("rms_norm_eps", json.get("rms_norm_eps"), "a number from 0 to below 1");
        }
        requireSilu();
        Set<ProjectionType> biases = architecture.biases(flag("attention_bias", false), flag("mlp_bias", false));
        return new ModelConfig(
                architecture,
                hidden,
                intermediate,
                layers,
                heads,
                kvHeads,
                headDim,
                vocab,
                eps,
                positions,
                new RopeReader(file, json).read(),
                flag("tie_word_embeddings", false),
                architecture == Architecture.QWEN3,
                biases,
                new SlidingWindowReader(this, architecture, layers).read(),
                bosToken(architecture),
                eosTokens(architecture),
                dtype());
    }

    private Architecture architecture() {
        JsonNode type = json.get("model_type");
        if (absent(type)) {
            throw missing("model_type", "one of " + Architecture.supported());
        }
        if (!type.isTextual()) {
            throw wrong("model_type", type, "one of " + Architecture.supported());
        }
        if (type.asText().contains("moe") || type.asText().equals("mixtral")) {
            throw mixtureOfExperts("model_type", type);
        }
        Optional<Architecture> known = Architecture.of(type.asText());
        return known.orElseThrow(() -> new CospadiException(file + ": model_type is " + quoted(type)
                + ", supported are the dense families " + Architecture.supported()
                + " with separate q, k, v and gate, up projections; convert the model or choose another"));
    }

    private void refuseWhatIsNotDense() {
        for (String key : EXPERT_KEYS) {
            JsonNode value = json.get(key);
            if (!absent(value) && !(value.isNumber() && value.asDouble() == 0)) {
                throw mixtureOfExperts(key, value);
            }
        }
        for (String key : List.of("quantization_config", "compression_config")) {
            if (!absent(json.get(key))) {
                throw new CospadiException(file + ": " + key + " is present, so the weights are already quantised;"
                        + " supported are F32, F16 and BF16 weights: use the unquantised model");
            }
        }
    }

    private CospadiException mixtureOfExperts(String key, JsonNode value) {
        return new CospadiException(file + ": " + key + " is " + quoted(value)
                + ": a mixture of experts; supported are the dense families " + Architecture.supported()
                + ": choose a dense model");
    }

    private int kvHeads(Architecture architecture, int heads) {
        JsonNode value = json.get("num_key_value_heads");
        boolean defaultsToHeads = value != null || architecture == Architecture.LLAMA;
        int kvHeads = absent(value) && defaultsToHeads ? heads : size("num_key_value_heads", 1, MAX_WIDTH);
        if (heads % kvHeads != 0) {
            throw new CospadiException(file + ": num_key_value_heads is " + kvHeads + ", expected a divisor of the "
                    + heads + " num_attention_heads; the file is damaged: download it again");
        }
        return kvHeads;
    }

    private int headDim(Architecture architecture, int hidden, int heads) {
        int headDim;
        if (!absent(json.get("head_dim"))) {
            headDim = size("head_dim", 2, MAX_WIDTH);
        } else if (architecture == Architecture.QWEN3) {
            headDim = 128;
        } else if (hidden % heads != 0) {
            throw new CospadiException(file + ": hidden_size is " + hidden + ", expected a multiple of the " + heads
                    + " num_attention_heads, or a head_dim; the file is damaged: download it again");
        } else {
            headDim = hidden / heads;
        }
        if (headDim % 2 != 0 || (long) headDim * heads > MAX_WIDTH) {
            throw new CospadiException(file + ": head dimension " + headDim + " with " + heads
                    + " heads, expected an even one and heads · head_dim of at most " + MAX_WIDTH
                    + "; the file is damaged: download it again");
        }
        return headDim;
    }

    private static int defaultPositions(Architecture architecture) {
        return switch (architecture) {
            case LLAMA -> 2048;
            case QWEN2, QWEN3 -> 32768;
            case MISTRAL -> 4096 * 32;
        };
    }

    private void requireSilu() {
        JsonNode activation = json.get("hidden_act");
        if (!absent(activation) && !activation.asText().equals("silu")) {
            throw wrong("hidden_act", activation, "\"silu\", the only activation supported");
        }
    }

    private Integer bosToken(Architecture architecture) {
        JsonNode bos = json.get("bos_token_id");
        if (bos == null) {
            return hasDefaultTokens(architecture) ? 1 : null;
        }
        return bos.isNull() ? null : Integer.valueOf(tokenId("bos_token_id", bos));
    }

    private int[] eosTokens(Architecture architecture) {
        JsonNode eos = json.get("eos_token_id");
        if (eos == null) {
            return hasDefaultTokens(architecture) ? new int[] {2} : new int[0];
        }
        if (eos.isNull()) {
            return new int[0];
        }
        if (!eos.isArray()) {
            return new int[] {tokenId("eos_token_id", eos)};
        }
        int[] ids = new int[eos.size()];
        Arrays.setAll(ids, i -> tokenId("eos_token_id", eos.get(i)));
        return ids;
    }

    /** Llama's and Mistral's classes fall back to 1 and 2 where config.json is silent; Qwen's to none. */
    private static boolean hasDefaultTokens(Architecture architecture) {
        return architecture == Architecture.LLAMA || architecture == Architecture.MISTRAL;
    }

    private int tokenId(String key, JsonNode value) {
        if (!value.canConvertToInt() || !value.isIntegralNumber() || value.intValue() < -1) {
            throw wrong(key, value, "a token id");
        }
        return value.intValue();
    }

    private String dtype() {
        JsonNode dtype = absent(json.get("dtype")) ? json.get("torch_dtype") : json.get("dtype");
        return absent(dtype) ? null : dtype.asText();
    }

    /** A whole number that must be there. */
    private int size(String key, int min, int max) {
        if (absent(json.get(key))) {
            throw missing(key, "a whole number from " + min + " to " + max);
        }
        return size(key, 0, min, max);
    }

    /** A whole number, or its default where the key is absent or null. */
    int size(String key, int absent, int min, int max) {
        JsonNode value = json.get(key);
        if (absent(value)) {
            return absent;
        }
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < min || value.intValue() > max) {
            throw wrong(key, value, "a whole number from " + min + " to " + max);
        }
        return value.intValue();
    }

    boolean flag(String key, boolean absent) {
        JsonNode value = json.get(key);
        if (absent(value)) {
            return absent;
        }
        if (!value.isBoolean()) {
            throw wrong(key, value, "true or false");
        }
        return value.booleanValue();
    }

    JsonNode get(String key) {
        return json.get(key);
    }

    private double number(JsonNode object, String key, double absent) {
        JsonNode value = object.get(key);
        if (absent(value)) {
            return absent;
        }
        if (!value.isNumber()) {
            throw wrong(key, value, "a number");
        }
        return value.doubleValue();
    }

    private CospadiException missing(String key, String expected) {
        return new CospadiException(file + ": " + key + " is missing, expected " + expected
                + "; the file is incomplete: download it again");
    }

    CospadiException wrong(String key, JsonNode found, String expected) {
        return new CospadiException(
                file + ": " + key + " is " + quoted(found) + ", expected " + expected + "; correct the file");
    }

    static boolean absent(JsonNode node) {
        return node == null || node.isNull();
    }

    static String quoted(JsonNode node) {
        return StrictJson.oneLine(String.valueOf(node));
    }
}
