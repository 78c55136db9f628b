package io.cospadi.decoder;

import io.cospadi.backend.Matrix;

/** Tokens that the host draws from the logits; a token runs when the one after it is asked for. */
final class SampledTokens implements Continuation {
    private final ResidentModel model;
    private final TokenSampler sampler;
    private float[] logits;
    private int last;

    SampledTokens(ResidentModel model, Matrix logits, Sampling sampling) {
        this.model = model;
        this.sampler = new TokenSampler(sampling);
        this.logits = model.readLogits(logits);
    }

    @Override
    public int next() {
        if (logits == null) {
            logits = model.readLogits(model.next(last));
        }
        requireFinite(logits);
        last = sampler.next(logits);
        logits = null;
        return last;
    }

    private static void requireFinite(float[] logits) {
        float zero = 0;
        for (float logit : logits) {
            zero += logit * 0; // stays 0 unless one is NaN or infinite
        }
        if (zero != 0) {
            throw Continuation.notFinite();
        }
    }

    @Override
    public void close() {}
}
