package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class TokenSamplerTest {
    private static final int DRAWS = 40_000;

    @Test
    void greedyTakesTheLowestOfEqualMaxima() {
        assertEquals(1, new TokenSampler(Sampling.GREEDY).next(new float[] {-1, 3, 2, 3}));
    }

    @Test
    void drawsFollowTheSoftmaxAtTheTemperature() {
        float[] logits = {1, 0, -2, 0.5f};
        double[] expected = softmax(logits, 0.7);
        assertFrequencies(expected, frequencies(logits, new Sampling(0.7, 1, 7)));
    }

    @Test
    void nucleusKeepsTheSmallestSetThatReachesTopP() {
        float[] logits = logs(0.1, 0.5, 0.25, 0.15);
        // 0.5 + 0.25 = 0.75 reaches 0.7; 0.5 alone does not
        assertFrequencies(new double[] {0, 2.0 / 3, 1.0 / 3, 0}, frequencies(logits, new Sampling(1, 0.7, 7)));
        // exactly reached counts as reached (a hair below, for rounding)
        assertFrequencies(new double[] {0, 1, 0, 0}, frequencies(logits, new Sampling(1, 0.499999, 7)));
    }

    @Test
    void nucleusBreaksTiesByTheLowerId() {
        assertFrequencies(
                new double[] {0.5, 0.5, 0, 0}, frequencies(new float[] {1, 1, 1, 1}, new Sampling(1, 0.4, 7)));
    }

    @Test
    void equalSeedsGiveEqualDraws() {
        float[] logits = new float[100];
        int[] first = draws(logits, new Sampling(1, 0.9, 3));
        assertEquals(Arrays.toString(first), Arrays.toString(draws(logits, new Sampling(1, 0.9, 3))));
        assertNotEquals(Arrays.toString(first), Arrays.toString(draws(logits, new Sampling(1, 0.9, 4))));
    }

    @Test
    void impossibleSettingsAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new Sampling(-0.1, 1, 0));
        assertThrows(IllegalArgumentException.class, () -> new Sampling(Double.NaN, 1, 0));
        assertThrows(IllegalArgumentException.class, () -> new Sampling(1, 0, 0));
        assertThrows(IllegalArgumentException.class, () -> new Sampling(1, 1.01, 0));
    }

    private static float[] logs(double... probabilities) {
        float[] logits = new float[probabilities.length];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) Math.log(probabilities[i]);
        }
        return logits;
    }

    private static double[] softmax(float[] logits, double temperature) {
        double[] p = new double[logits.length];
        double total = 0;
        for (int i = 0; i < p.length; i++) {
            p[i] = Math.exp(logits[i] / temperature);
            total += p[i];
        }
        for (int i = 0; i < p.length; i++) {
            p[i] /= total;
        }
        return p;
    }

    private static int[] draws(float[] logits, Sampling sampling) {
        TokenSampler sampler = new TokenSampler(sampling);
        int[] drawn = new int[50];
        Arrays.setAll(drawn, i -> sampler.next(logits));
        return drawn;
    }

    private static double[] frequencies(float[] logits, Sampling sampling) {
        TokenSampler sampler = new TokenSampler(sampling);
        double[] frequencies = new double[logits.length];
        for (int i = 0; i < DRAWS; i++) {
            frequencies[sampler.next(logits)] += 1.0 / DRAWS;
        }
        return frequencies;
    }

    /** Five standard deviations of a frequency of 40,000 draws. */
    private static void assertFrequencies(double[] expected, double[] found) {
        for (int i = 0; i < expected.length; i++) {
            double allowed = 5 * Math.sqrt(expected[i] * (1 - expected[i]) / DRAWS) + 1e-9;
            assertTrue(
                    Math.abs(expected[i] - found[i]) <= allowed,
                    "token " + i + " came with frequency " + found[i] + ", expected " + expected[i] + " +- " + allowed);
        }
    }
}
