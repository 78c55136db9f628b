package io.cospadi.compression;

import io.cospadi.calibration.GradientSettings;
import io.cospadi.calibration.OutputGradients;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.decoder.ActivationMemory;

/**
 * Resident memory that a job is expected to need at its widest moment, phase by phase. Never the model: one layer's
 * weights while calibrating, one projection's while factorising. What a device loads ahead has only room to spare beside this, and
 * what is read ahead from files is the operating system's: neither is counted.
 *
 * @param calibration   one layer in f32, its Grams in f64 with their partial sums, hidden states up to their limit; or the
 *                      gradients, where they need more
 * @param factorization W, its Gram, and the solver's matrices, for the projection that needs most; where inputs propagate, what these
 *                      take meanwhile too
 */
public record PeakMemory(long calibration, long factorization) {
    /** The virtual machine, libraries and their buffers, before any matrix. */
    private static final long RUNTIME = 220L << 20;

    /** Sums of a Gram that are alive at once: the one being made, and one for each level of the tree of eight blocks. */
    private static final int GRAM_SUMS = 4;

    /** Rows of activations that pass through a layer at once. */
    private static final int CHUNK_ROWS = 2048;

    /** Logits of the rows that pass the head at once. */
    private static final long LOGITS = 64L << 20;

    /** Rows of a diagonal block of a triangular solve. */
    private static final int SOLVED_ROWS = 128;

    /** Small sums and status words. */
    private static final long SCRATCH = 128L << 10;

    /** What the larger of both needs, runtime included. */
    public long bytes() {
        return RUNTIME + matrices();
    }

    /** The same of matrices alone, which a device holds where one computes. */
    public long matrices() {
        return Math.max(calibration, factorization);
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
    static long propagation(ModelConfig config, Propagation propagation, long tokens) {
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
        return layers + sums + Math.min(ActivationMemory.LEAST_BYTES, 4 * models * tokens * config.hiddenSize());
    }

    /** Of taking gradients on windows: a layer with its sums or the head, all layers' inputs and the gradients on them. */
    public static long gradients(ModelConfig config, int windows, int length, GradientSettings settings) {
        long weights = OutputGradients.sumBytes(config, settings);
        long width = 3L * config.hiddenSize() + 2L * config.intermediateSize();
        for (ProjectionType type : ProjectionType.values()) {
            Projection projection = config.projection(0, type);
            weights += 4L * projection.d1() * projection.d2();
            width += 2L * projection.d2();
        }
        long head = 4L * config.vocabSize() * config.hiddenSize() + LOGITS;
        long states = 4L * windows * length * config.hiddenSize();
        return Math.max(head, weights + 4L * length * width)
                + Math.min(ActivationMemory.LEAST_BYTES, states * (config.layers() + 2));
    }

    /**
     * Of factorising one projection, or m that share a dictionary.
     *
     * @param d1  input features
     * @param d2  output features of all of them
     * @param k   atoms, the rank of a method without codes, or bits of one without either
     * @param m   projections that share the dictionary, 1 for none
     * @param fed rows of d1 that are rounded with feedback ({@link io.cospadi.quantization.FeedbackRounding}): k if the
     *            dictionary is of few bits, d2 if a whole weight is, else 0
     * @param panel inputs that are rounded together then
     */
    static long factorization(int d1, int d2, int k, int m, int fed, int panel) {
        int rows = d2 / m;
        long r = m > 1 ? d1 : Math.min(d1, d2);
        long given = 4L * d1 * d2 * (m > 1 ? 2 : 1) + 8L * d1 * d1 * (m > 1 ? m + 1 : 1);
        long whitened = 4L * d2 * r + 8 * r * d1;

        // while whitening: W, W G and the eigenvectors, of which the library takes twice as much again
        long whitening = 8 * (2L * d1 * d2 + 4 * r * r + r * d1);

        // in the rounds: dictionaries, codes and what is as large; and meanwhile the start
        long rounds = 4 * (6L * d2 * k + 3 * r * k + (m + 1L) * k * k);
        rounds += 4 * (m > 1 ? m * r * r + 5 * r * k : r * r);
        rounds += solving(k, r);
        long start = 36 * r * r + 8L * d2 * r + 20 * r * k + 16L * k * k + 4L * d2 * k;

        // in the final fit: the codes given and W twice, D, C and its support; and meanwhile the codes, or the
        // dictionary, or the error
        long fit = 4L * d2 * k + 8 * (2L * d1 * d2 + (long) d2 * k + (long) k * d1);
        long codes = 8 * ((long) k * d1 + (long) k * k + (long) rows * k);
        codes += 4 * ((long) k * k + 5L * rows * k);
        long dictionary = 8 * (3L * d2 * k + (long) k * k + (long) k * d1);
        dictionary += 8 * (m > 1 ? m * (long) k * k + 4L * k * d1 : 0);
        long error = 8 * (2L * d1 * d2 + (long) d2 * k);
        // a factor of the Gram on its way to panels, or what is rounded with them; the best factors so far
        long rounding = 20L * d1 * d1 + 12L * d1 * panel + 12L * d1 * fed + 8L * panel * fed;
        rounding += 8L * d1 * fed + 8L * d2 * k;

        long solver = rounds + start;
        long factors = fit + (fed == 0 ? 0 : rounding) + Math.max(codes, Math.max(dictionary, error));
        return SCRATCH + given + whitened + Math.max(whitening, Math.max(solver, factors));
    }

    /**
     * What a device's solve for a dictionary (k, r) takes beside its operands, where k is more than one block: inverses of the factor's
     * diagonal blocks, and a block's right-hand sides. With so many atoms the start's 16 k² + 20 r k, which the rounds' solves find
     * free again, are more; so no job's peak shows it.
     */
    static long solving(long k, long r) {
        return 4 * SOLVED_ROWS * (k + r);
    }
}
