package io.cospadi.checkpoint;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What config.json says about a decoder, checked: every number within sane bounds, heads a multiple of kvHeads, headDim
 * even. {@link #parse} refuses what the decoder can't compute (mixture of experts, quantised weights, other families).
 *
 * @param hiddenSize       width of the residual stream
 * @param intermediateSize width of the MLP's hidden layer
 * @param layers           decoder layers
 * @param heads            query heads
 * @param kvHeads          key and value heads, a divisor of heads
 * @param headDim          columns of one head, even; heads · headDim need not be hiddenSize
 * @param vocabSize        rows of the embedding
 * @param rmsEps           added to the mean square before its root is taken
 * @param maxPositions     longest sequence the model was made for
 * @param tiedEmbeddings   the head's matrix is the embedding's
 * @param qkNorm           queries and keys are RMS-normalised per head (Qwen3)
 * @param biases           projections with a bias; unmodifiable
 * @param slidingWindow    per layer, how far back a query sees; Integer.MAX_VALUE where to the start; not copied
 * @param bosToken         id, or null
 * @param eosTokens        ids that end a text, possibly none; not copied
 * @param dtype            the name config.json gives, such as "bfloat16", or null
 */
public record ModelConfig(
        Architecture architecture,
        int hiddenSize,
        int intermediateSize,
        int layers,
        int heads,
        int kvHeads,
        int headDim,
        int vocabSize,
        double rmsEps,
        int maxPositions,
        RotaryEmbedding rope,
        boolean tiedEmbeddings,
        boolean qkNorm,
        Set<ProjectionType> biases,
        int[] slidingWindow,
        Integer bosToken,
        int[] eosTokens,
        String dtype) {
    /** The token embedding, (vocabSize, hiddenSize). */
    public static final String EMBEDDING = "model.embed_tokens.weight";

    /** The last normalisation, (hiddenSize). */
    public static final String FINAL_NORM = "model.norm.weight";

    /** The head, (vocabSize, hiddenSize); absent or ignored where embeddings are tied. */
    public static final String HEAD = "lm_head.weight";

    /**
     * Reads a config.json, of a dense or a compact folder.
     *
     * @throws io.cospadi.tensor.CospadiException naming the file, the key, found and expected
     */
    public static ModelConfig parse(Path configJson) {
        return new ConfigReader(configJson, StrictJson.readObject(configJson)).read();
    }

    /** Whether that projection has a bias in every layer. */
    public boolean hasBias(ProjectionType type) {
        return biases.contains(type);
    }

    /** One projection of one layer, with its shape. */
    public Projection projection(int layer, ProjectionType type) {
        int attention = heads * headDim;
        int keyValue = kvHeads * headDim;
        return switch (type) {
            case Q -> new Projection(layer, type, hiddenSize, attention);
            case K, V -> new Projection(layer, type, hiddenSize, keyValue);
            case O -> new Projection(layer, type, attention, hiddenSize);
            case GATE, UP -> new Projection(layer, type, hiddenSize, intermediateSize);
            case DOWN -> new Projection(layer, type, intermediateSize, hiddenSize);
        };
    }

    /** All projections, layer by layer, each layer's in the order q, k, v, o, gate, up, down. */
    public List<Projection> projections() {
        List<Projection> all = new ArrayList<>(layers * ProjectionType.values().length);
        for (int layer = 0; layer < layers; layer++) {
            for (ProjectionType type : ProjectionType.values()) {
                all.add(projection(layer, type));
            }
        }
        return all;
    }

    /** Every tensor of the dense model with its shape, in forward order; the head is left out where it is tied. */
    public Map<String, long[]> denseTensors() {
        Map<String, long[]> shapes = tensorsBesideProjections();
        for (Projection p : projections()) {
            shapes.put(p.weightName(), new long[] {p.d2(), p.d1()});
        }
        return shapes;
    }

    /** Every tensor that no projection's weight is: embedding, norms, biases and, unless it is tied, the head. */
    public Map<String, long[]> tensorsBesideProjections() {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        shapes.put(EMBEDDING, new long[] {vocabSize, hiddenSize});
        for (int layer = 0; layer < layers; layer++) {
            String prefix = "model.layers." + layer + ".";
            shapes.put(prefix + "input_layernorm.weight", new long[] {hiddenSize});
            shapes.put(prefix + "post_attention_layernorm.weight", new long[] {hiddenSize});
            if (qkNorm) {
                shapes.put(prefix + "self_attn.q_norm.weight", new long[] {headDim});
                shapes.put(prefix + "self_attn.k_norm.weight", new long[] {headDim});
            }
            for (ProjectionType type : ProjectionType.values()) {
                if (hasBias(type)) {
                    Projection p = projection(layer, type);
                    shapes.put(p.biasName(), new long[] {p.d2()});
                }
            }
        }
        shapes.put(FINAL_NORM, new long[] {hiddenSize});
        if (!tiedEmbeddings) {
            shapes.put(HEAD, new long[] {vocabSize, hiddenSize});
        }
        return shapes;
    }
}
