package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.DeviceMemoryException;
import java.util.ArrayList;
import java.util.List;

/**
 * A whole model in memory with a KV cache, for generation. Weights are in the type that the backend keeps them in, codes stay
 * 16-bit; {@link #bytes} says how much that is. Embedding rows are read from storage as they are needed, but for tokens that a device
 * chose itself.
 */
public final class ResidentModel implements AutoCloseable {
    /** Bytes that products, codes and logits may work in at most, together. */
    private static final long ROOM_FOR_VERBS = 256L << 20;

    private final Decoder decoder;
    private final List<DecoderLayer> layers = new ArrayList<>();
    private final Workspace hidden;
    private LanguageModelHead head;
    private KvCache cache;
    private SingleTokenStep step;
    /** Null where the device has no embedding of its own. */
    private Matrix embedding;

    private boolean ownsEmbedding;
    private int position;

    /**
     * @param capacity positions that the cache holds: prompt and generated tokens together
     */
    public ResidentModel(ModelWeights weights, Backend backend, int capacity) {
        if (capacity < 1 || capacity > weights.config().maxPositions()) {
            throw new IllegalArgumentException("a cache of " + capacity + " positions; the model has 1 to "
                    + weights.config().maxPositions());
        }
        decoder = new Decoder(weights, backend);
        hidden = new Workspace(backend, weights.config().hiddenSize());
        try {
            for (int i = 0; i < weights.config().layers(); i++) {
                DecoderLayer layer = decoder.loadLayer(i);
                layers.add(layer);
                layer.layOutForSingleTokens();
            }
            head = decoder.loadHead();
            head.layOutForSingleTokens();
            cache = new KvCache(backend, weights.config(), capacity);
            step = new SingleTokenStep(decoder, capacity, head.vocabSize(), this::step);
            loadEmbedding(weights, capacity);
        } catch (DeviceMemoryException e) {
            String loaded = layers.size() + " of " + weights.config().layers() + " layers";
            close();
            throw e.in("the model doesn't fit with a cache of " + capacity + " positions, " + loaded + " are loaded");
        } catch (RuntimeException | Error failure) {
            close();
            throw failure;
        }
    }

    /** The head's where they are tied, else one that is read for this, if all that a prompt takes has room beside it. */
    private void loadEmbedding(ModelWeights weights, int capacity) {
        Backend backend = decoder.backend();
        if (!backend.queuesAhead()) {
            return;
        }
        ModelConfig config = weights.config();
        embedding = config.tiedEmbeddings() ? head.weightOrNull() : null;
        long bytes = (long) Float.BYTES * config.vocabSize() * config.hiddenSize();
        if (embedding == null
                && backend.availableBytes() > bytes + Decoder.scratchBytes(config, capacity) + ROOM_FOR_VERBS) {
            embedding = weights.weight(ModelConfig.EMBEDDING, backend);
            ownsEmbedding = true;
        }
    }

    /** Tokens seen so far. */
    public int position() {
        return position;
    }

    /** Positions that the cache holds. */
    public int capacity() {
        return cache.capacity();
    }

    public int vocabSize() {
        return head.vocabSize();
    }

    /** Forgets everything from {@code position} on. */
    public void rewind(int position) {
        if (position < 0 || position > this.position) {
            throw new IllegalArgumentException("can't go back from " + this.position + " to " + position);
        }
        this.position = position;
    }

    /**
     * Runs the next tokens through all layers.
     *
     * @return (ids.length, hiddenSize) states after the last layer; valid until the next call
     */
    public Matrix advance(int[] ids) {
        Matrix states = hidden.rows(ids.length);
        decoder.embed(ids, states);
        for (DecoderLayer layer : layers) {
            layer.forward(states, cache, position, SiteListener.NONE);
        }
        position += ids.length;
        return states;
    }

    /**
     * Runs one token through all layers and the head.
     *
     * @return its logits, (1, vocabSize); valid until the next call
     */
    public Matrix next(int id) {
        decoder.embed(new int[] {id}, step.state());
        step.run(position);
        position++;
        return step.logits();
    }

    /** Whether tokens can be {@link #follow}ed. */
    boolean canFollow() {
        return embedding != null;
    }

    /**
     * As {@link #next} for a token that the host need not know.
     *
     * @param token (1, 1) F64; may be overwritten at once
     */
    Matrix follow(Matrix token) {
        decoder.backend().embed(embedding, token, step.state());
        step.run(position);
        position++;
        return step.logits();
    }

    private void step(int at) {
        for (DecoderLayer layer : layers) {
            layer.forward(step.state(), cache, at, SiteListener.NONE);
        }
        head.logits(step.state(), step.logits());
    }

    /** Logits of the last row of {@code states}, on the host. */
    public float[] lastLogits(Matrix states) {
        try (Matrix logits = logitsOfLast(states)) {
            return readLogits(logits);
        }
    }

    /** Logits of the last row of {@code states}, (1, vocabSize); the caller closes them. */
    Matrix logitsOfLast(Matrix states) {
        Matrix logits = decoder.backend().allocate(1, head.vocabSize(), DType.F32);
        head.logits(states.rows(states.rows() - 1, 1), logits);
        return logits;
    }

    /** Logits of one token, on the host. */
    public float[] readLogits(Matrix logits) {
        return decoder.backend().readFloats(logits);
    }

    /** The head, for callers that want the logits of every row. */
    public LanguageModelHead head() {
        return head;
    }

    Backend backend() {
        return decoder.backend();
    }

    /** Bytes of weights in memory that a one-token step reads, each of them once. */
    public long bytes() {
        return head.bytes() + layers.stream().mapToLong(DecoderLayer::bytes).sum();
    }

    /** Multiply-adds of one token at {@code position}, attention included. */
    public long multiplyAdds(int position) {
        long sum = head.multiplyAdds();
        for (DecoderLayer layer : layers) {
            sum += layer.multiplyAdds() + Decoder.attentionMultiplyAdds(decoder.config(), layer.index(), position, 1);
        }
        return sum;
    }

    @Override
    public void close() {
        if (step != null) {
            step.close();
        }
        layers.forEach(DecoderLayer::close);
        hidden.close();
        if (ownsEmbedding) {
            embedding.close();
        }
        if (head != null) {
            head.close();
        }
        if (cache != null) {
            cache.close();
        }
        decoder.close();
    }
}
