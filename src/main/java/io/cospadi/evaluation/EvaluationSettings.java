package io.cospadi.evaluation;

import io.cospadi.backend.Backend;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.decoder.ActivationMemory;
import io.cospadi.decoder.Decoder;
import io.cospadi.decoder.LanguageModelHead;
import java.nio.file.Path;

/**
 * How an evaluation runs.
 *
 * @param window         tokens of a window of token perplexity and of the KL divergence, at least 2
 * @param maxWindows     only the first so many windows; 0 for all
 * @param activationBytes hidden states kept in memory before the others go to a temporary file
 * @param spillFolder    an existing folder for that file
 */
public record EvaluationSettings(int window, int maxWindows, long activationBytes, Path spillFolder) {
    /** Tokens of a window unless told otherwise. */
    public static final int DEFAULT_WINDOW = 1024;

    public EvaluationSettings {
        if (window < 2 || maxWindows < 0 || activationBytes < 0) {
            throw new IllegalArgumentException("need window >= 2, maxWindows >= 0, activationBytes >= 0, got " + window
                    + ", " + maxWindows + ", " + activationBytes);
        }
    }

    /**
     * With as many hidden states in memory as the backend has to spare.
     *
     * @param model  the largest that is run
     * @param window tokens of its longest window
     * @param passes of which hidden states are held at the same time
     */
    public static EvaluationSettings on(
            Backend backend, ModelConfig model, int window, int maxWindows, int passes, Path spillFolder) {
        long head = (long) Float.BYTES * model.vocabSize() * model.hiddenSize();
        long pass = 2 * Decoder.denseLayerBytes(model)
                + Decoder.scratchBytes(model, window)
                + 2 * (head + LanguageModelHead.CHUNK_BYTES)
                + ActivationMemory.LEAST_BYTES;
        return new EvaluationSettings(window, maxWindows, ActivationMemory.of(backend, passes * pass), spillFolder);
    }
}
