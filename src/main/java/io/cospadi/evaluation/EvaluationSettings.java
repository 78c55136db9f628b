package io.cospadi.evaluation;

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

    /** Hidden states kept in memory unless told otherwise. */
    public static final long DEFAULT_ACTIVATION_BYTES = 512L << 20;

    public EvaluationSettings {
        if (window < 2 || maxWindows < 0 || activationBytes < 0) {
            throw new IllegalArgumentException("need window >= 2, maxWindows >= 0, activationBytes >= 0, got " + window
                    + ", " + maxWindows + ", " + activationBytes);
        }
    }
}
