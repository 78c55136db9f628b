package io.cospadi.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.calibration.Calibration;
import io.cospadi.calibration.CalibrationSettings;
import io.cospadi.calibration.GramOrigin;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.TokenWindows;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.checkpoint.Projection;
import io.cospadi.decoder.DecoderFixture;
import io.cospadi.decoder.DelegatingWeights;
import io.cospadi.decoder.DenseLinear;
import io.cospadi.decoder.Linear;
import io.cospadi.decoder.LowRankLinear;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.PlainDecoder;
import io.cospadi.decoder.SparseLinear;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Perplexity, divergence and projections' errors by a backend, against sums over reference logits and inputs. */
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

    /** Three projections replaced, one in each way of storing; with their biases, which are no part of an error. */
    private static final class Replaced extends DelegatingWeights {
        private final SplittableRandom random = new SplittableRandom(11);
        final Map<String, double[][]> stored = new HashMap<>();

        Replaced(ModelWeights weights) {
            super(weights);
        }

        @Override
        public Linear projection(Projection p, Backend backend) {
            return switch (p.layer() + p.type().name()) {
                case "0Q" -> {
                    double[][] weight = random(p.d2(), p.d1());
                    stored.put(p.name(), weight);
                    yield new DenseLinear(upload(weight, backend), tensor(p.biasName(), backend));
                }
                case "0UP" -> sparse(p, backend);
                case "1O" -> {
                    double[][] up = random(p.d2(), 3);
                    double[][] down = random(3, p.d1());
                    stored.put(p.name(), product(up, down));
                    yield new LowRankLinear(upload(down, backend), upload(up, backend), null);
                }
                default -> super.projection(p, backend);
            };
        }

        private Linear sparse(Projection p, Backend backend) {
            int k = 12;
            int s = 5;
            double[][] dictionary = random(k, p.d1());
            double[][] codes = new double[p.d2()][k];
            int[] atoms = new int[p.d2() * s];
            float[] values = new float[p.d2() * s];
            for (int i = 0; i < p.d2(); i++) {
                for (int j = 0; j < s; j++) {
                    atoms[i * s + j] = 2 * j + i % 3;
                    values[i * s + j] = (float) eighths();
                    codes[i][2 * j + i % 3] = values[i * s + j];
                }
            }
            stored.put(p.name(), product(codes, dictionary));
            return new SparseLinear(
                    upload(dictionary, backend), backend.upload(new Codes(p.d2(), k, s, atoms, values)), null);
        }

        /** Exact in whatever a backend keeps it. */
        private double eighths() {
            return random.nextInt(-8, 9) / 8.0;
        }

        private double[][] random(int rows, int cols) {
            return IntStream.range(0, rows)
                    .mapToObj(i -> random.doubles(cols).map(d -> eighths()).toArray())
                    .toArray(double[][]::new);
        }

        private static Matrix upload(double[][] values, Backend backend) {
            Matrix matrix = backend.allocate(values.length, values[0].length, DType.F32);
            float[] flat = new float[values.length * values[0].length];
            for (int i = 0; i < flat.length; i++) {
                flat[i] = (float) values[i / values[0].length][i % values[0].length];
            }
            backend.write(matrix, flat);
            return matrix;
        }

        private static double[][] product(double[][] a, double[][] b) {
            double[][] c = new double[a.length][b[0].length];
            for (int i = 0; i < a.length; i++) {
                for (int l = 0; l < b.length; l++) {
                    for (int j = 0; j < b[0].length; j++) {
                        c[i][j] += a[i][l] * b[l][j];
                    }
                }
            }
            return c;
        }
    }

    /** {@code sum ||x (W - other)ᵀ||²} over inputs x of a projection. */
    private static double energy(double[][] x, double[][] weight, double[][] other) {
        double energy = 0;
        for (double[] input : x) {
            for (int j = 0; j < weight.length; j++) {
                double y = 0;
                for (int i = 0; i < input.length; i++) {
                    y += input[i] * (weight[j][i] - (other == null ? 0 : other[j][i]));
                }
                energy += y * y;
            }
        }
        return energy;
    }

    private GramStore grams(ModelWeights of, int[] ids) {
        TokenWindows windows = TokenWindows.cut(ids, new WindowSettings(1, ids.length, false, 0));
        GramStore store = GramStore.create(
                temporary.resolve("grams" + ids[0] + "-" + ids[1]),
                GramOrigin.whole("m", backend, of.config().layers(), windows));
        Calibration.run(of, windows, store, backend, new CalibrationSettings(0, temporary), Progress.NONE);
        return store;
    }

    @Test
    void errorsOfProjectionsAreThePlainSumsOverTheirInputs() {
        DecoderFixture biased = DecoderFixture.named("qwen2");
        try (ModelWeights dense = biased.open();
                ModelWeights source = biased.open()) {
            Replaced model = new Replaced(source);
            List<GramStore> stores =
                    Arrays.stream(biased.ids()).map(ids -> grams(dense, ids)).toList();
            List<ProjectionErrors> found = FunctionalError.evaluate(dense, model, backend, stores, Progress.NONE);
            assertEquals(2, found.size());
            for (int s = 0; s < found.size(); s++) {
                assertEquals(biased.ids()[s].length, found.get(s).tokens());
                Map<String, double[][]> inputs = new HashMap<>();
                PlainDecoder plain = new PlainDecoder(biased.folder());
                plain.logits(biased.ids()[s], inputs::put);
                assertEquals(
                        model.stored.keySet(),
                        found.get(s).projections().stream()
                                .map(ProjectionErrors.Entry::name)
                                .collect(Collectors.toSet()),
                        "what keeps the reference's weight is left out");
                for (Projection p : dense.config().projections()) {
                    double[][] other = model.stored.get(p.name());
                    if (other != null) {
                        double[][] x = inputs.get(p.siteName());
                        double expected = energy(x, plain.weight(p), other) / energy(x, plain.weight(p), null);
                        double error = found.get(s).projections().stream()
                                .filter(entry -> entry.name().equals(p.name()))
                                .findFirst()
                                .orElseThrow()
                                .relativeError();
                        // inputs of f32 forward passes, 1e-6 off those of the plain one, squared and summed
                        assertEquals(expected, error, 1e-5 * expected, p.name());
                    }
                }
            }
            assertEquals(
                    List.of(),
                    FunctionalError.evaluate(dense, dense, backend, stores, Progress.NONE)
                            .get(0)
                            .projections());
        }
    }
}
