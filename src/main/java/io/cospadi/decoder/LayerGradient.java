package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.ProjectionType;

/**
 * One decoder layer differentiated: from the layer's input and the gradient at its output to the gradient at its input, by
 * computing the forward pass of {@link DecoderLayer} again. No weight gradient is formed: a listener has what it takes. The scratch matrices serve all layers
 * and windows of one pass.
 */
final class LayerGradient implements AutoCloseable {
    private final Backend backend;
    private final ModelConfig config;
    private final Activations scratch;
    private final Workspace normed;
    private final Workspace queries;
    private final Workspace rawQueries;
    private final Workspace keys;
    private final Workspace rawKeys;
    private final Workspace values;
    private final Workspace attended;
    private final Workspace middle;
    private final Workspace gate;
    private final Workspace up;
    private final Workspace hiddenGradient;
    private final Workspace queryGradient;
    private final Workspace keyGradient;
    private final Workspace valueGradient;

    LayerGradient(Backend backend, ModelConfig config, Activations scratch) {
        this.backend = backend;
        this.config = config;
        this.scratch = scratch;
        int heads = config.heads() * config.headDim();
        int keyHeads = config.kvHeads() * config.headDim();
        normed = new Workspace(backend, config.hiddenSize());
        queries = new Workspace(backend, heads);
        rawQueries = new Workspace(backend, heads);
        keys = new Workspace(backend, keyHeads);
        rawKeys = new Workspace(backend, keyHeads);
        values = new Workspace(backend, keyHeads);
        attended = new Workspace(backend, heads);
        middle = new Workspace(backend, config.hiddenSize());
        gate = new Workspace(backend, config.intermediateSize());
        up = new Workspace(backend, config.intermediateSize());
        hiddenGradient = new Workspace(backend, config.intermediateSize());
        queryGradient = new Workspace(backend, heads);
        keyGradient = new Workspace(backend, keyHeads);
        valueGradient = new Workspace(backend, keyHeads);
    }

    /**
     * Runs one window through the layer, back.
     *
     * @param layer    dense weights
     * @param hidden   (N, hiddenSize), the layer's input for tokens 0 .. N-1; read only
     * @param gradient (N, hiddenSize), at the layer's output; becomes the gradient at its input
     * @param listener sees the inputs if it wants to, then the gradients of down, gate, up, o, q, k and v, in this order
     */
    void backward(DecoderLayer layer, Matrix hidden, Matrix gradient, GradientListener listener) {
        int n = hidden.rows();
        Matrix normed = this.normed.rows(n);
        Matrix queries = this.queries.rows(n);
        Matrix keys = this.keys.rows(n);
        Matrix values = this.values.rows(n);
        Matrix attended = this.attended.rows(n);
        Matrix middle = this.middle.rows(n);
        RotaryTables rotary = scratch.rotary(n);
        int window = config.slidingWindow()[layer.index()];

        backend.rmsNorm(hidden, layer.attentionNorm(), config.rmsEps(), normed);
        if (listener.wantsInputs()) {
            listener.input(InputSite.ATTENTION_INPUT, normed);
        }
        layer.apply(ProjectionType.Q, normed, queries);
        layer.apply(ProjectionType.K, normed, keys);
        layer.apply(ProjectionType.V, normed, values);
        if (config.qkNorm()) {
            backend.copy(queries, rawQueries.rows(n));
            backend.copy(keys, rawKeys.rows(n));
            backend.rmsNorm(queries, layer.queryNorm(), config.rmsEps(), queries);
            backend.rmsNorm(keys, layer.keyNorm(), config.rmsEps(), keys);
        }
        backend.rotate(queries, rotary.cos(), rotary.sin(), 0);
        backend.rotate(keys, rotary.cos(), rotary.sin(), 0);
        backend.attention(queries, keys, values, config.heads(), config.headDim(), 0, window, attended);
        if (listener.wantsInputs()) {
            listener.input(InputSite.ATTENTION_OUTPUT, attended);
        }
        layer.apply(ProjectionType.O, attended, middle);
        backend.axpy(1, hidden, middle);

        feedForward(layer, middle, gradient, listener);

        listener.gradient(ProjectionType.O, gradient);
        Matrix ofAttended = attended; // its values are not needed any more
        layer.backward(ProjectionType.O, gradient, 0, ofAttended);
        Matrix ofQueries = queryGradient.rows(n);
        Matrix ofKeys = keyGradient.rows(n);
        Matrix ofValues = valueGradient.rows(n);
        backend.attentionGradient(
                queries,
                keys,
                values,
                config.heads(),
                config.headDim(),
                window,
                ofAttended,
                ofQueries,
                ofKeys,
                ofValues);
        backend.rotateBack(ofQueries, rotary.cos(), rotary.sin(), 0);
        backend.rotateBack(ofKeys, rotary.cos(), rotary.sin(), 0);
        if (config.qkNorm()) {
            backend.rmsNormGradient(rawQueries.rows(n), layer.queryNorm(), config.rmsEps(), ofQueries);
            backend.rmsNormGradient(rawKeys.rows(n), layer.keyNorm(), config.rmsEps(), ofKeys);
        }
        listener.gradient(ProjectionType.Q, ofQueries);
        listener.gradient(ProjectionType.K, ofKeys);
        listener.gradient(ProjectionType.V, ofValues);
        layer.backward(ProjectionType.Q, ofQueries, 0, normed);
        layer.backward(ProjectionType.K, ofKeys, 1, normed);
        layer.backward(ProjectionType.V, ofValues, 1, normed);
        backend.rmsNormGradient(hidden, layer.attentionNorm(), config.rmsEps(), normed);
        backend.axpy(1, normed, gradient);
    }

    /** The layer's second half: {@code gradient} at its output becomes that at its input {@code middle}. */
    private void feedForward(DecoderLayer layer, Matrix middle, Matrix gradient, GradientListener listener) {
        int n = middle.rows();
        Matrix normed = this.normed.rows(n);
        Matrix gate = this.gate.rows(n);
        Matrix up = this.up.rows(n);
        Matrix ofHidden = hiddenGradient.rows(n);
        backend.rmsNorm(middle, layer.mlpNorm(), config.rmsEps(), normed);
        layer.apply(ProjectionType.GATE, normed, gate);
        layer.apply(ProjectionType.UP, normed, up);
        if (listener.wantsInputs()) {
            listener.input(InputSite.MLP_INPUT, normed);
            backend.copy(gate, ofHidden);
            backend.siluMultiply(ofHidden, up);
            listener.input(InputSite.MLP_HIDDEN, ofHidden);
        }

        listener.gradient(ProjectionType.DOWN, gradient);
        layer.backward(ProjectionType.DOWN, gradient, 0, ofHidden);
        backend.siluMultiplyGradient(gate, up, ofHidden);
        listener.gradient(ProjectionType.GATE, gate);
        listener.gradient(ProjectionType.UP, up);
        layer.backward(ProjectionType.GATE, gate, 0, normed);
        layer.backward(ProjectionType.UP, up, 1, normed);
        backend.rmsNormGradient(middle, layer.mlpNorm(), config.rmsEps(), normed);
        backend.axpy(1, normed, gradient);
    }

    @Override
    public void close() {
        for (Workspace workspace : new Workspace[] {
            normed,
            queries,
            rawQueries,
            keys,
            rawKeys,
            values,
            attended,
            middle,
            gate,
            up,
            hiddenGradient,
            queryGradient,
            keyGradient,
            valueGradient
        }) {
            workspace.close();
        }
    }
}
