package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.tensor.DType;

/** Final norm and output matrix: hidden states of the last layer become logits, {@code norm(h) · headᵀ}. */
public final class LanguageModelHead implements AutoCloseable {
    /** Logits of one chunk take at most this many bytes, one row at least. */
    public static final long CHUNK_BYTES = 64L << 20;

    private final Backend backend;
    private final double eps;
    private final Matrix norm;
    private final DenseLinear output;
    /** A chunk's, kept from call to call: fresh memory of this size costs a tenth of the product that fills it. */
    private final Workspace chunk;

    private final Workspace normed;

    private LanguageModelHead(Backend backend, double eps, Matrix norm, DenseLinear output) {
        this.backend = backend;
        this.eps = eps;
        this.norm = norm;
        this.output = output;
        this.chunk = new Workspace(backend, output.d2());
        this.normed = new Workspace(backend, output.d1());
    }

    static LanguageModelHead load(ModelWeights weights, String outputName, Backend backend) {
        Matrix norm = weights.tensor(ModelConfig.FINAL_NORM, backend);
        try {
            DenseLinear output = new DenseLinear(weights.weight(outputName, backend), null);
            return new LanguageModelHead(backend, weights.config().rmsEps(), norm, output);
        } catch (RuntimeException | Error failure) {
            norm.close();
            throw failure;
        }
    }

    public int vocabSize() {
        return output.d2();
    }

    /** (vocabSize, hiddenSize), owned by this; null where it lies otherwise. */
    Matrix weightOrNull() {
        return output.inputWeight();
    }

    /** See {@link DenseLinear#layOutForSingleTokens}. */
    void layOutForSingleTokens() {
        output.layOutForSingleTokens(backend);
    }

    /** Rows of logits that {@link #forEachChunk} makes at once. */
    public int chunkRows() {
        return (int) Math.max(1, Math.min(Decoder.CHUNK_ROWS, CHUNK_BYTES / (4L * vocabSize())));
    }

    /**
     * {@code out (N, vocabSize) <- logits}.
     *
     * @param hidden (N, hiddenSize) after the last layer; read only
     */
    public void logits(Matrix hidden, Matrix out) {
        Matrix states = normed.rows(hidden.rows());
        backend.rmsNorm(hidden, norm, eps, states);
        output.apply(backend, states, out);
    }

    /** The logits of some consecutive rows, in a matrix that the receiver may overwrite during the call. */
    @FunctionalInterface
    public interface ChunkListener {
        /** Row i of {@code logits} belongs to row {@code firstRow + i} of the hidden states. */
        void chunk(int firstRow, Matrix logits);
    }

    /** The logits of all rows, {@link #chunkRows} at a time, so that memory does not grow with N times the vocabulary. */
    public void forEachChunk(Matrix hidden, ChunkListener listener) {
        if (hidden.rows() == 0) {
            return;
        }
        int step = Math.min(chunkRows(), hidden.rows());
        for (int from = 0; from < hidden.rows(); from += step) {
            int count = Math.min(step, hidden.rows() - from);
            Matrix logits = chunk.rows(count);
            logits(hidden.rows(from, count), logits);
            listener.chunk(from, logits);
        }
    }

    /** Labels of consecutive rows. */
    @FunctionalInterface
    interface RowLabels {
        /** See {@link Labels#of}. */
        void of(int firstRow, Matrix logProbabilities, Matrix labels);
    }

    /**
     * The gradient of the summed negative log-likelihood of labels at the hidden states.
     *
     * @param hidden   (N, hiddenSize) after the last layer; read only
     * @param labels   asked for each chunk of rows
     * @param gradient (N, hiddenSize), overwritten; not hidden
     */
    void gradient(Matrix hidden, RowLabels labels, Matrix gradient) {
        forEachChunk(hidden, (from, logits) -> {
            backend.logSoftmax(logits);
            try (Matrix targets = backend.allocate(logits.rows(), 1, DType.F64)) {
                labels.of(from, logits, targets);
                backend.likelihoodGradient(logits, targets);
            }
            Matrix rows = gradient.rows(from, logits.rows());
            output.backward(backend, logits, 0, rows);
            backend.rmsNormGradient(hidden.rows(from, logits.rows()), norm, eps, rows);
        });
    }

    /** Multiply-adds for one token. */
    public long multiplyAdds() {
        return output.multiplyAdds();
    }

    /** Bytes of weights held. */
    public long bytes() {
        return 4L * norm.cols() + output.bytes();
    }

    @Override
    public void close() {
        norm.close();
        output.close();
        chunk.close();
        normed.close();
    }
}
