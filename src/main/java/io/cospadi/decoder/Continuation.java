package io.cospadi.decoder;

import io.cospadi.backend.Matrix;
import io.cospadi.tensor.CospadiException;

/** The tokens by which a model continues what it has seen, one after the other. */
interface Continuation extends AutoCloseable {
    /**
     * The next token.
     *
     * @throws CospadiException if the logits that it is chosen by are not finite
     */
    int next();

    @Override
    void close();

    /**
     * As a sampling says; by the device alone where it has the embedding, and no nucleus is asked for.
     *
     * @param logits (1, vocabSize) F32 of the last token seen, overwritten; not needed afterwards
     * @param most   tokens that will be asked for, at most; the cache has room for all but the last
     */
    static Continuation of(ResidentModel model, Matrix logits, int most, Sampling sampling) {
        return model.canFollow() && (sampling.temperature() == 0 || sampling.topP() == 1)
                ? new QueuedTokens(model, logits, most, sampling)
                : new SampledTokens(model, logits, sampling);
    }

    /** What to throw. */
    static CospadiException notFinite() {
        return new CospadiException("the model's logits are not finite, expected numbers: activations overflowed f32;"
                + " check the model's weights");
    }
}
