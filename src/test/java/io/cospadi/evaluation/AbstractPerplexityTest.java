package io.cospadi.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cospadi.backend.Backend;
import io.cospadi.decoder.DecoderFixture;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.PlainDecoder;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Perplexity and divergence by a backend, against sums over reference logits. */
abstract class AbstractPerplexityTest {
    final DecoderFixture fixture = DecoderFixture.named("llama3-rope");
    Backend backend;
    ModelWeights weights;

    @TempDir
    Path temporary;

    abstract Backend create();

    @BeforeEach
    void open() {
        backend = create();
        weights = fixture.open();
    }

    @AfterEach
    void close() {
        if (backend == null) {
            return; // create() skipped the test
        }
        weights.close();
        assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
        backend.close();
    }

    EvaluationSettings settings(int window, int maxWindows) {
        return new EvaluationSettings(window, maxWindows, 0, temporary);
    }

    /** Both sequences of the fixture as one text. */
    int[] tokens() {
        return Arrays.stream(fixture.ids()).flatMapToInt(Arrays::stream).toArray();
    }

    private static double negativeLogLikelihood(float[] logits, int target) {
        double max = Double.NEGATIVE_INFINITY;
        for (float logit : logits) {
            max = Math.max(max, logit);
        }
        double sum = 0;
        for (float logit : logits) {
            sum += Math.exp(logit - max);
        }
        return max + Math.log(sum) - logits[target];
    }

    @Test
    void tokenPerplexityIsTheMeanOverTheReferencesLogits() {
        int length = fixture.ids()[0].length;
        double sum = 0;
        for (int s = 0; s < fixture.ids().length; s++) {
            for (int i = 1; i < length; i++) {
                sum += negativeLogLikelihood(fixture.logits()[s][i - 1], fixture.ids()[s][i]);
            }
        }
        int scored = fixture.ids().length * (length - 1);
        Perplexity found =
                TokenPerplexity.evaluate(weights, backend, "some.txt", tokens(), settings(length, 0), Progress.NONE);
        assertEquals(Math.exp(sum / scored), found.value(), 1e-4 * found.value());
        assertEquals(scored, found.tokens());
        assertEquals(2, found.windows());

        Perplexity first = TokenPerplexity.evaluate(
                weights, backend, "some.txt", fixture.ids()[0], settings(60, 0), Progress.NONE);
        assertEquals(length - 1, first.tokens(), "a text of less than one window is one window");
        assertEquals(
                first.value(),
                TokenPerplexity.evaluate(weights, backend, "", tokens(), settings(length, 1), Progress.NONE)
                        .value());
    }

    @Test
    void wordPerplexityEqualsAPlainRollingPass() {
        int prefix = 1;
        int maxLength = 16;
        int[] text = Arrays.copyOf(tokens(), 45);
        PlainDecoder plain = new PlainDecoder(fixture.folder());
        double sum = 0;
        for (int start = 0; start < text.length; start += maxLength) {
            int end = Math.min(start + maxLength, text.length);
            int[] withPrefix =
                    IntStream.concat(IntStream.of(prefix), Arrays.stream(text)).toArray();
            int from = start == 0 ? 0 : end - maxLength;
            int[] input = Arrays.copyOfRange(withPrefix, from, end);
            double[][] logits = plain.logits(input, (site, x) -> {});
            for (int i = start; i < end; i++) {
                float[] row = new float[logits[0].length];
                for (int j = 0; j < row.length; j++) {
                    row[j] = (float) logits[i - from][j];
                }
                sum += negativeLogLikelihood(row, text[i]);
            }
        }
        String words = " one two\u001fthree\n\nfour ";
        double expected = Math.exp(sum / 6);
        Perplexity found = WordPerplexity.evaluate(
                weights, backend, "a.txt", words, text, prefix, maxLength, settings(8, 0), Progress.NONE);
        assertEquals(expected, found.value(), 1e-4 * expected);
        assertEquals(45, found.tokens());
        assertEquals(6, found.words());

        int[] prefixed =
                IntStream.concat(IntStream.of(prefix), Arrays.stream(text)).toArray();
        assertEquals(
                found.value(),
                WordPerplexity.evaluate(
                                weights, backend, "", words, prefixed, prefix, maxLength, settings(8, 0), Progress.NONE)
                        .value(),
                "a prefix that the tokenizer wrote is not doubled");
    }

    @Test
    void divergenceFromItselfIsZeroAndFromAnotherModelIsThePlainSum() {
        Divergence same = KlDivergence.evaluate(
                weights, "dense", weights, backend, "a.txt", tokens(), settings(40, 0), Progress.NONE);
        assertEquals(0, same.mean());
        assertEquals(1, same.top1Agreement());
        assertEquals(78, same.tokens());

        DecoderFixture other = DecoderFixture.named("llama3-rope-parameters");
        PlainDecoder q = new PlainDecoder(other.folder());
        double sum = 0;
        int agree = 0;
        for (int s = 0; s < 2; s++) {
            double[][] logQ = q.logits(fixture.ids()[s], (site, x) -> {});
            for (int i = 0; i < 39; i++) {
                float[] p = fixture.logits()[s][i];
                float[] o = new float[p.length];
                int bestP = 0;
                int bestQ = 0;
                for (int j = 0; j < p.length; j++) {
                    o[j] = (float) logQ[i][j];
                    bestP = p[j] > p[bestP] ? j : bestP;
                    bestQ = o[j] > o[bestQ] ? j : bestQ;
                }
                for (int j = 0; j < p.length; j++) {
                    double logP = -negativeLogLikelihood(p, j);
                    sum += Math.exp(logP) * (logP + negativeLogLikelihood(o, j));
                }
                agree += bestP == bestQ ? 1 : 0;
            }
        }
        try (ModelWeights model = other.open()) {
            Divergence found = KlDivergence.evaluate(
                    weights, "dense", model, backend, "a.txt", tokens(), settings(40, 0), Progress.NONE);
            assertEquals(sum / 78, found.mean(), 1e-4 * sum / 78);
            assertEquals(agree / 78.0, found.top1Agreement(), 1e-12);
        }
    }
}
