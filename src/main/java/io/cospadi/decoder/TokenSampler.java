package io.cospadi.decoder;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Draws tokens from logits as a {@link Sampling} says; probabilities and their sums are f64. */
final class TokenSampler {
    private final Sampling sampling;
    private final SplittableRandom random;

    TokenSampler(Sampling sampling) {
        this.sampling = sampling;
        this.random = new SplittableRandom(sampling.seed());
    }

    /** The next token id; {@code logits} is only read. */
    int next(float[] logits) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
            if (logits[i] > logits[best]) {
                best = i;
            }
        }
        if (sampling.temperature() == 0) {
            return best;
        }
        double[] weights = new double[logits.length];
        double total = 0;
        for (int i = 0; i < logits.length; i++) {
            weights[i] = Math.exp((logits[i] - logits[best]) / sampling.temperature());
            total += weights[i];
        }
        return sampling.topP() < 1 ? fromNucleus(weights, total) : draw(weights, total);
    }

    private int draw(double[] weights, double total) {
        double left = random.nextDouble() * total;
        int last = 0;
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] > 0) {
                last = i;
                left -= weights[i];
                if (left < 0) {
                    break;
                }
            }
        }
        return last;
    }

    /**
     * The smallest set of most likely tokens that holds topP of the mass. Sorting whole vocabularies would dominate small
     * models, so tokens too unlikely to matter are dropped first: all below the (1 - topP) share's mean cannot be needed.
     */
    private int fromNucleus(double[] weights, double total) {
        double floor = (1 - sampling.topP()) * total / weights.length;
        long[] order = new long[weights.length];
        int kept = 0;
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] >= floor) {
                // non-negative floats order like their bits; inverted for descending, the id breaks ties upwards
                long descending = 0x7FFFFFFFL - Float.floatToIntBits((float) weights[i]);
                order[kept++] = descending << 32 | i;
            }
        }
        Arrays.sort(order, 0, kept);
        double mass = 0;
        int size = 0;
        while (size < kept && mass < sampling.topP() * total) {
            mass += weights[(int) order[size++]];
        }
        double left = random.nextDouble() * mass;
        for (int i = 0; i < size; i++) {
            left -= weights[(int) order[i]];
            if (left < 0) {
                return (int) order[i];
            }
        }
        return (int) order[size - 1];
    }
}
