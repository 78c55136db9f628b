package io.cospadi.compression;

import io.cospadi.calibration.GradientSettings;
import io.cospadi.calibration.OutputGradients;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;

/**
 * Resident memory that a job is expected to need at its widest moment, phase by phase. Never the model: one layer's
 * weights while calibrating, one projection's while factorising.
 *
 * @param calibration   one layer in f32, its Grams in f64 with their partial sums, hidden states up to their limit; or the
 *                      gradients, where they need more
 * @param factorization W, its Gram, and the solver's matrices, for the projection that needs most; where inputs propagate, what these
 *                      take meanwhile too
 */
public record PeakMemory(long calibration, long factorization) {
    /** The virtual machine, libraries and their buffers, before any matrix. */
    static final long RUNTIME = 220L << 20;

    /** Sums of a Gram that are alive at once: the one being made, and one for each level of the tree of eight blocks. */
    private static final int GRAM_SUMS = 4;

    /** Rows of activations that pass through a layer at once. */
    private static final int CHUNK_ROWS = 2048;

    /** Logits of the rows that pass the head at once. */
    private static final long LOGITS = 64L << 20;

    /** What the larger of both needs, runtime included. */
    public long bytes() {
        return RUNTIME + Math.max(calibration, factorization);
    }

    /** Of calibrating with so many tokens; {@code hiddenLimit} is what stays in memory before it goes to disk. */
    static long calibration(ModelConfig config, long tokens, long hiddenLimit) {
        long worst = 0;
        for (int layer = 0; layer < config.layers(); layer++) {
            long grams = 0;
            for (InputSite site : InputSite.values()) {
                long width = FlopCounts.siteWidth(config, layer, site);
                grams += 8 * width * width * GRAM_SUMS;
            }
            worst = Math.max(worst, layer(config, layer) + grams);
        }
        return worst + Math.min(hiddenLimit, 4 * tokens * config.hiddenSize());
    }

    /** A layer's weights and what a chunk of rows takes in it. */
    private static long layer(ModelConfig config, int layer) {
        long bytes = 0;
        for (ProjectionType type : ProjectionType.values()) {
            Projection projection = config.projection(layer, type);
            bytes += 4L * projection.d1() * projection.d2() + 4L * CHUNK_ROWS * projection.d2();
        }
        return bytes;
    }

    /**
     * Of the model that is compressed, and the dense one beside it, while inputs propagate: a layer of each, hidden states up to
     * their limit, the sums of the widest site; 0 where nothing propagates.
     */
    static long propagation(ModelConfig config, Propagation propagation, long tokens, long hiddenLimit) {
        if (!propagation.sequential()) {
            return 0;
        }
        int models = propagation == Propagation.COMPRESSED ? 2 : 1;
        long layers = 0;
        long widest = 0;
        for (int layer = 0; layer < config.layers(); layer++) {
            layers = Math.max(layers, models * layer(config, layer));
            for (InputSite site : InputSite.values()) {
                widest = Math.max(widest, FlopCounts.siteWidth(config, layer, site));
            }
        }
        long sums = models * (8 * widest * widest * GRAM_SUMS + 8 * CHUNK_ROWS * widest);
        return layers + sums + Math.min(hiddenLimit, 4 * models * tokens * config.hiddenSize());
    }

    /**
     * Of taking gradients on windows of {@code length}: a layer with its sums or the head, all layers' inputs and the gradients on
     * them.
     */
    static long gradients(ModelConfig config, long tokens, int length, long hiddenLimit, GradientSettings settings) {
        long weights = OutputGradients.sumBytes(config, settings);
        long width = 3L * config.hiddenSize() + 2L * config.intermediateSize();
        for (ProjectionType type : ProjectionType.values()) {
            Projection projection = config.projection(0, type);
            weights += 4L * projection.d1() * projection.d2();
            width += 2L * projection.d2();
        }
        long head = 4L * config.vocabSize() * config.hiddenSize() + LOGITS;
        long states = 4 * tokens * config.hiddenSize();
        return Math.max(head, weights + 4L * length * width) + Math.min(hiddenLimit, states * (config.layers() + 2));
    }

    /**
     * Of factorising one projection, or m that share a dictionary.
     *
     * @param d2  output features of all of them
     * @param fed rows of d1 that are rounded with feedback ({@link io.cospadi.quantization.FeedbackRounding}): k if the
     *            dictionary is of few bits, d2 if a whole weight is, else 0
     */
    static long factorization(int d1, int d2, int k, int m, int fed) {
        long n = m > 1 ? d1 : Math.min(d1, d2);
        long given = (4L * d1 * d2 + 8L * d1 * d1) * (m > 1 ? 2 : 1);
        given += (m - 1) * (8L * d1 * d1 + 4L * d1 * d1 + 8L * k * k);
        long solver = 4 * (6L * d2 * k + 3L * k * k + 4 * n * k + 2L * d1 * d1 + 2L * d1 * d2 + 3 * n * n) + 16 * n * n;
        long error = 8 * ((long) d2 * k + (long) k * d1 + 2L * d1 * d2);
        long rounding = fed == 0 ? 0 : 8 * (2L * d1 * d1 + (long) d1 * fed);
        return given + Math.max(solver, error) + rounding + 6L * d2 * k;
    }
}
