package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.tensor.CospadiException;

/**
 * The parts of a model on demand: embedding rows, single layers, the head. It owns the scratch memory that its layers share,
 * so all work of one decoder happens on one thread at a time; the weights and the backend belong to the caller.
 */
public final class Decoder implements AutoCloseable {
    /** Rows that run through a layer at once: bounds the scratch memory of long windows, and is large enough for any GEMM. */
    public static final int CHUNK_ROWS = 2048;

    private final ModelWeights weights;
    private final Backend backend;
    private final Activations scratch;

    /** @throws CospadiException if the backend can't compute the model's attention */
    public Decoder(ModelWeights weights, Backend backend) {
        if (weights.config().headDim() > backend.mostHeadDim()) {
            throw new CospadiException("head_dim of the model's config.json is "
                    + weights.config().headDim() + ", and attention on a GPU takes at most "
                    + backend.mostHeadDim() + "; use --backend cpu");
        }
        this.weights = weights;
        this.backend = backend;
        this.scratch = new Activations(backend, weights.config());
    }

    public ModelConfig config() {
        return weights.config();
    }

    public Backend backend() {
        return backend;
    }

    /** Reads layer {@code index}; the caller closes it, before this decoder. */
    public DecoderLayer loadLayer(int index) {
        if (index < 0 || index >= config().layers()) {
            throw new IndexOutOfBoundsException("layer " + index + " of " + config().layers());
        }
        return DecoderLayer.load(index, weights, backend, scratch);
    }

    /** Makes room for rotations up to there at once, so that tables don't move later. */
    void reachPositions(int positions) {
        scratch.rotary(positions);
    }

    /** What takes gradients back through the layers of this decoder; the caller closes it, before this decoder. */
    LayerGradient layerGradient() {
        return new LayerGradient(backend, config(), scratch);
    }

    /** Reads the final norm and the output matrix (the embeddings where they are tied); the caller closes it. */
    public LanguageModelHead loadHead() {
        return LanguageModelHead.load(
                weights, config().tiedEmbeddings() ? ModelConfig.EMBEDDING : ModelConfig.HEAD, backend);
    }

    /**
     * {@code out[i] <- embedding row of ids[i]}, read from storage row by row: the table itself is never loaded.
     *
     * @param ids token ids, each {@code 0 <= id < vocabSize}
     * @param out (ids.length, hiddenSize) F32, overwritten
     */
    public void embed(int[] ids, Matrix out) {
        if (out.rows() != ids.length || out.cols() != config().hiddenSize()) {
            throw new IllegalArgumentException(
                    ids.length + " tokens of width " + config().hiddenSize() + " do not fit " + out.shape());
        }
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] < 0 || ids[i] >= config().vocabSize()) {
                throw new IllegalArgumentException(
                        "token id " + ids[i] + " at index " + i + " is outside 0.." + (config().vocabSize() - 1));
            }
        }
        weights.gatherRows(ModelConfig.EMBEDDING, ids, out, backend);
    }

    /**
     * Multiply-adds of one layer's attention (scores and weighted values) for {@code count} tokens from {@code first} on,
     * counting only the pairs that causality and the layer's window allow.
     */
    public static long attentionMultiplyAdds(ModelConfig config, int layer, int first, int count) {
        long pairs = 0;
        for (int i = 0; i < count; i++) {
            pairs += Math.min(first + i + 1L, config.slidingWindow()[layer]);
        }
        return 2 * pairs * config.heads() * config.headDim();
    }

    /** Bytes of one layer's projections and norms as they are held here, F32, dense. */
    public static long denseLayerBytes(ModelConfig config) {
        long elements = 2L * config.hiddenSize() + (config.qkNorm() ? 2L * config.headDim() : 0);
        for (ProjectionType type : ProjectionType.values()) {
            Projection projection = config.projection(0, type);
            elements += (long) projection.d1() * projection.d2() + (config.hasBias(type) ? projection.d2() : 0);
        }
        return Float.BYTES * elements;
    }

    /** Bytes beside weights and hidden states while windows of {@code length} tokens pass one layer. */
    public static long scratchBytes(ModelConfig config, int length) {
        long heads = (long) config.heads() * config.headDim();
        long row = config.hiddenSize()
                + 2 * heads
                + 2L * config.kvHeads() * config.headDim()
                + 2L * config.intermediateSize();
        long position = 2L * config.kvHeads() * config.headDim() + config.headDim();
        return Float.BYTES * (Math.min(length, CHUNK_ROWS) * row + length * position);
    }

    @Override
    public void close() {
        scratch.close();
    }
}
