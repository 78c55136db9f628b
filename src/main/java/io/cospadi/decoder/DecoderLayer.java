package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * One decoder layer, its weights in the backend's memory: {@code h += o(attention(norm(h)))}, then
 * {@code h += down(silu(gate(n)) · up(n))} with {@code n = norm(h)}. The scratch matrices belong to the {@link Decoder}, so
 * layers of one decoder run one after another.
 */
public final class DecoderLayer implements AutoCloseable {
    private static final List<ProjectionType> QKV = List.of(ProjectionType.Q, ProjectionType.K, ProjectionType.V);
    private static final List<ProjectionType> GATE_UP = List.of(ProjectionType.GATE, ProjectionType.UP);

    private final int index;
    private final ModelConfig config;
    private final Backend backend;
    private final Activations scratch;
    private final Map<ProjectionType, Linear> projections = new EnumMap<>(ProjectionType.class);
    private Matrix attentionNorm;
    private Matrix mlpNorm;
    private Matrix queryNorm;
    private Matrix keyNorm;

    private DecoderLayer(int index, ModelConfig config, Backend backend, Activations scratch) {
        this.index = index;
        this.config = config;
        this.backend = backend;
        this.scratch = scratch;
    }

    /** Reads the layer's weights; nothing stays allocated if one of them cannot be read. */
    static DecoderLayer load(int index, ModelWeights weights, Backend backend, Activations scratch) {
        DecoderLayer layer = new DecoderLayer(index, weights.config(), backend, scratch);
        try {
            String prefix = "model.layers." + index + ".";
            layer.attentionNorm = weights.tensor(prefix + "input_layernorm.weight", backend);
            layer.mlpNorm = weights.tensor(prefix + "post_attention_layernorm.weight", backend);
            if (layer.config.qkNorm()) {
                layer.queryNorm = weights.tensor(prefix + "self_attn.q_norm.weight", backend);
                layer.keyNorm = weights.tensor(prefix + "self_attn.k_norm.weight", backend);
            }
            for (Projection projection : layer.config.projections()) {
                if (projection.layer() == index) {
                    layer.projections.put(projection.type(), weights.projection(projection, backend));
                }
            }
            return layer;
        } catch (RuntimeException | Error failure) {
            layer.close();
            throw failure;
        }
    }

    /** See {@link DenseLinear#layOutForSingleTokens}. */
    void layOutForSingleTokens() {
        for (Linear linear : projections.values()) {
            if (linear instanceof DenseLinear dense) {
                dense.layOutForSingleTokens(backend);
            }
        }
    }

    /** Which layer of the model this is, from 0. */
    public int index() {
        return index;
    }

    /**
     * Runs tokens through the layer.
     *
     * @param hidden        (N, hiddenSize) F32, row i the token at position {@code firstPosition + i}; updated in place
     * @param cache         receives the N new keys and values and supplies the earlier ones
     * @param firstPosition position of row 0; positions before it are in the cache
     * @param listener      sees the input of every projection, in the order q/k/v, o, gate/up, down; where N is larger than
     *                      {@link Decoder#CHUNK_ROWS} it sees successive chunks of rows
     */
    public void forward(Matrix hidden, KvCache cache, int firstPosition, SiteListener listener) {
        if (firstPosition < 0 || firstPosition + hidden.rows() > cache.capacity()) {
            throw new IllegalArgumentException("positions " + firstPosition + " .. "
                    + (firstPosition + hidden.rows() - 1) + " do not fit a cache of " + cache.capacity());
        }
        for (int from = 0; from < hidden.rows(); from += Decoder.CHUNK_ROWS) {
            int count = Math.min(Decoder.CHUNK_ROWS, hidden.rows() - from);
            Matrix chunk = hidden.rows(from, count);
            attend(chunk, cache, firstPosition + from, listener);
            feedForward(chunk, listener);
        }
    }

    /** The first half of {@link #forward}, for at most {@link Decoder#CHUNK_ROWS} rows. */
    void attend(Matrix hidden, KvCache cache, int first, SiteListener listener) {
        Matrix normed = attentionInput(hidden);
        listener.input(InputSite.ATTENTION_INPUT, normed);
        Matrix attended = attended(normed, cache, first);
        listener.input(InputSite.ATTENTION_OUTPUT, attended);
        projections.get(ProjectionType.O).applyAdding(backend, attended, hidden);
    }

    /** The second half, likewise. */
    void feedForward(Matrix hidden, SiteListener listener) {
        Matrix normed = mlpInput(hidden);
        listener.input(InputSite.MLP_INPUT, normed);
        Matrix gated = gated(normed);
        listener.input(InputSite.MLP_HIDDEN, gated);
        projections.get(ProjectionType.DOWN).applyAdding(backend, gated, hidden);
    }

    /**
     * The input of a site, of at most {@link Decoder#CHUNK_ROWS} rows; valid until the layers of this decoder compute again.
     *
     * @param hidden at the layer's input for the sites of its first half, behind {@link #attend} for those of its second; stays
     * @param cache  receives what is needed of the rows, if the site is behind keys and values
     * @param first  position of row 0
     */
    Matrix input(InputSite site, Matrix hidden, KvCache cache, int first) {
        return switch (site) {
            case ATTENTION_INPUT -> attentionInput(hidden);
            case ATTENTION_OUTPUT -> attended(attentionInput(hidden), cache, first);
            case MLP_INPUT -> mlpInput(hidden);
            case MLP_HIDDEN -> gated(mlpInput(hidden));
        };
    }

    private Matrix attentionInput(Matrix hidden) {
        Matrix normed = scratch.normed.rows(hidden.rows());
        backend.rmsNorm(hidden, attentionNorm, config.rmsEps(), normed);
        return normed;
    }

    private Matrix attended(Matrix normed, KvCache cache, int first) {
        int n = normed.rows();
        Matrix queries = scratch.queries.rows(n);
        Matrix keys = scratch.keys.rows(n);
        Matrix values = scratch.values.rows(n);
        SharedInput.apply(backend, normed, QKV.stream().map(projections::get).toList(), List.of(queries, keys, values));
        if (queryNorm != null) {
            backend.rmsNorm(queries, queryNorm, config.rmsEps(), queries);
            backend.rmsNorm(keys, keyNorm, config.rmsEps(), keys);
        }
        RotaryTables rotary = scratch.rotary(first + n);
        backend.rotateAndAppend(
                queries, keys, values, rotary.cos(), rotary.sin(), cache.keys(index), cache.values(index), first);

        Matrix attended = scratch.attended.rows(n);
        backend.attention(
                queries,
                cache.keys(index),
                cache.values(index),
                config.heads(),
                config.headDim(),
                first,
                config.slidingWindow()[index],
                attended);
        return attended;
    }

    private Matrix mlpInput(Matrix hidden) {
        Matrix normed = scratch.normed.rows(hidden.rows());
        backend.rmsNorm(hidden, mlpNorm, config.rmsEps(), normed);
        return normed;
    }

    private Matrix gated(Matrix normed) {
        int n = normed.rows();
        Matrix gate = scratch.gate.rows(n);
        Matrix up = scratch.up.rows(n);
        SharedInput.apply(
                backend, normed, GATE_UP.stream().map(projections::get).toList(), List.of(gate, up));
        backend.siluMultiply(gate, up);
        return gate;
    }

    /**
     * Computes with {@code linear} in a projection's place from now on.
     *
     * @param linear of its sizes, owned from here on
     */
    void replace(ProjectionType type, Linear linear) {
        projections.put(type, linear).close();
    }

    void apply(ProjectionType type, Matrix x, Matrix out) {
        projections.get(type).apply(backend, x, out);
    }

    /**
     * {@link DenseLinear#backward} of a projection.
     *
     * @throws IllegalStateException if it is factored: gradients are the dense model's
     */
    void backward(ProjectionType type, Matrix gradient, double beta, Matrix inputGradient) {
        if (!(projections.get(type) instanceof DenseLinear dense)) {
            throw new IllegalStateException("layer " + index + " is factored; only a dense layer is differentiated");
        }
        dense.backward(backend, gradient, beta, inputGradient);
    }

    Matrix attentionNorm() {
        return attentionNorm;
    }

    Matrix mlpNorm() {
        return mlpNorm;
    }

    /** Null where queries are not normalised. */
    Matrix queryNorm() {
        return queryNorm;
    }

    /** Null where keys are not normalised. */
    Matrix keyNorm() {
        return keyNorm;
    }

    /** Multiply-adds of the projections for one token; attention's are {@link Decoder#attentionMultiplyAdds}. */
    public long multiplyAdds() {
        return projections.values().stream().mapToLong(Linear::multiplyAdds).sum();
    }

    /** Bytes of weights held. */
    public long bytes() {
        long bytes = 4L * (attentionNorm.cols() + mlpNorm.cols());
        if (queryNorm != null) {
            bytes += 4L * (queryNorm.cols() + keyNorm.cols());
        }
        return bytes + projections.values().stream().mapToLong(Linear::bytes).sum();
    }

    @Override
    public void close() {
        projections.values().forEach(Linear::close);
        for (Matrix norm : new Matrix[] {attentionNorm, mlpNorm, queryNorm, keyNorm}) {
            if (norm != null) {
                norm.close();
            }
        }
    }
}
