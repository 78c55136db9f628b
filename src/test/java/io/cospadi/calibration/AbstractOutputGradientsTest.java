package io.cospadi.calibration;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.decoder.Decoder;
import io.cospadi.decoder.DecoderFixture;
import io.cospadi.decoder.GradientPass;
import io.cospadi.decoder.Labels;
import io.cospadi.decoder.LayerwisePass;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is summed over output gradients by a backend, against plain loops over the gradients of a pass. */
abstract class AbstractOutputGradientsTest {
    static final String MODEL = "fingerprint";
    private static final int LENGTH = 10;

    private final DecoderFixture fixture = DecoderFixture.named("qwen3");
    Backend backend;
    ModelWeights weights;
    ModelConfig config;

    @TempDir
    Path temporary;

    abstract Backend create();

    @BeforeEach
    void open() {
        backend = create();
        weights = fixture.open();
        config = weights.config();
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

    TokenWindows windows(int count, long seed) {
        int[] tokens = new Random(seed)
                .ints((long) count * LENGTH, 0, config.vocabSize())
                .toArray();
        return TokenWindows.cut(tokens, new WindowSettings(count, LENGTH, false, 0));
    }

    static GradientSettings settings(LabelSource labels) {
        return new GradientSettings(labels, 42, 1.5, OutputCovariance.FULL, true);
    }

    GradientStore fill(String name, TokenWindows windows, int shard, int shards) {
        return fill(name, windows, shard, shards, settings(LabelSource.MODEL), Progress.NONE);
    }

    GradientStore fill(
            String name, TokenWindows windows, int shard, int shards, GradientSettings settings, Progress progress) {
        GramOrigin origin = GramOrigin.shard(MODEL, backend, config.layers(), windows, shard, shards);
        GradientStore store = GradientStore.create(temporary.resolve(name), origin, settings);
        OutputGradients.run(weights, windows, store, backend, new CalibrationSettings(1 << 20, temporary), progress);
        return store;
    }

    /** The same store with Grams beside the gradients. */
    GramStore whole(String name, TokenWindows windows, int shard, int shards) {
        fill(name, windows, shard, shards);
        GramStore store = GramStore.create(
                temporary.resolve(name), GramOrigin.shard(MODEL, backend, config.layers(), windows, shard, shards));
        Calibration.run(weights, windows, store, backend, new CalibrationSettings(1 << 20, temporary), Progress.NONE);
        return store;
    }

    static SortedMap<String, ByteBuffer> files(Path folder) {
        SortedMap<String, ByteBuffer> files = new TreeMap<>();
        try (Stream<Path> list = Files.list(folder)) {
            for (Path file : list.toList()) {
                files.put(file.getFileName().toString(), ByteBuffer.wrap(Files.readAllBytes(file)));
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return files;
    }

    List<String> projections() {
        return config.projections().stream().map(Projection::name).toList();
    }

    @ParameterizedTest
    @EnumSource(LabelSource.class)
    void weightsEqualPlainLoopsOverTheClippedGradients(LabelSource labels) {
        TokenWindows windows = windows(11, 1);
        SortedMap<String, double[]> expected = new TreeMap<>();
        int[] clipped = new int[1];
        Labels ofWindows =
                labels == LabelSource.MODEL ? Labels.sampled(backend, 42) : Labels.ofText(backend, windows.windows());
        try (Decoder decoder = new Decoder(weights, backend);
                GradientPass pass =
                        new GradientPass(decoder, windows.windows(), ofWindows, Long.MAX_VALUE, temporary)) {
            pass.forward(Progress.NONE);
            while (pass.nextLayer() >= 0) {
                int layer = pass.nextLayer();
                pass.retreat(
                        window -> (type, gradient) -> clipped[0] += addSquares(
                                backend.readFloats(gradient),
                                expected.computeIfAbsent(
                                        config.projection(layer, type).name(), n -> new double[gradient.cols()])),
                        Progress.NONE);
            }
        }
        GradientStore store = fill("gradients", windows, 0, 1, settings(labels), Progress.NONE);
        assertEquals(11 * LENGTH, store.tokens());
        assertEquals(projections().stream().sorted().toList(), List.copyOf(expected.keySet()));
        assertTrue(clipped[0] > 100, "only " + clipped[0] + " gradients were long enough to be clipped");
        expected.forEach((name, sums) -> {
            double[] found = store.outputWeights(name);
            for (int j = 0; j < sums.length; j++) {
                double mean = sums[j] / store.tokens();
                // norms and factors are f32 there and f64 here: their squares add 2^-22
                assertEquals(mean, found[j], 0x1p-20 * mean, name + " at " + j);
            }
        });
    }

    /** min(1, clipping · median length / length). */
    private static float[] clippingFactors(float[] squares, double clipping) {
        float[] sorted = squares.clone();
        Arrays.sort(sorted);
        double longest = clipping * Math.sqrt(sorted[(sorted.length - 1) / 2]);
        float[] factors = new float[squares.length];
        for (int i = 0; i < factors.length; i++) {
            factors[i] = longest > 0 ? (float) Math.min(1, longest / Math.sqrt(squares[i])) : 1;
        }
        return factors;
    }

    /** Gradients from the backward pass, inputs from the forward pass of its own: H and the weights' gradients in doubles. */
    @Test
    void covarianceAndWeightGradientsEqualPlainLoops() {
        TokenWindows windows = windows(5, 7);
        int layers = config.layers();
        List<Map<String, float[]>> inputs = new ArrayList<>();
        List<Map<String, float[]>> gradients = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            inputs.add(new TreeMap<>());
            gradients.add(new TreeMap<>());
        }
        Labels labels = Labels.ofText(backend, windows.windows());
        try (Decoder decoder = new Decoder(weights, backend);
                LayerwisePass forward = new LayerwisePass(decoder, windows.windows(), Long.MAX_VALUE, temporary);
                GradientPass back = new GradientPass(decoder, windows.windows(), labels, Long.MAX_VALUE, temporary)) {
            for (int layer = 0; layer < layers; layer++) {
                int number = layer;
                forward.advance(
                        window -> (site, x) ->
                                inputs.get(window).put(Projection.siteName(number, site), backend.readFloats(x)),
                        Progress.NONE);
            }
            back.forward(Progress.NONE);
            while (back.nextLayer() >= 0) {
                int number = back.nextLayer();
                back.retreat(
                        window -> (type, g) -> gradients
                                .get(window)
                                .put(config.projection(number, type).name(), backend.readFloats(g)),
                        Progress.NONE);
            }
        }
        GradientStore store = fill("all", windows, 0, 1, settings(LabelSource.TEXT), Progress.NONE);
        for (Projection p : config.projections()) {
            double[] covariance = new double[p.d2() * p.d2()];
            double[] weight = new double[p.d2() * p.d1()];
            for (int window = 0; window < 5; window++) {
                float[] g = gradients.get(window).get(p.name());
                float[] x = inputs.get(window).get(p.siteName());
                float[] squares = new float[LENGTH];
                for (int i = 0; i < g.length; i++) {
                    squares[i / p.d2()] += g[i] * g[i];
                }
                float[] factors = clippingFactors(squares, 1.5);
                for (int t = 0; t < LENGTH; t++) {
                    for (int j = 0; j < p.d2(); j++) {
                        double own = g[t * p.d2() + j] / (5.0 * LENGTH);
                        for (int l = 0; l < p.d2(); l++) {
                            covariance[j * p.d2() + l] += factors[t] * own * factors[t] * (double) g[t * p.d2() + l];
                        }
                        for (int a = 0; a < p.d1(); a++) {
                            weight[j * p.d1() + a] += own * x[t * p.d1() + a];
                        }
                    }
                }
            }
            try (Matrix h = store.outputCovariance(p.name(), backend);
                    Matrix w = store.weightGradient(p.name(), backend)) {
                // norms and inputs are f32 in both, but not summed in the same order
                assertArrayEquals(covariance, backend.readDoubles(h), 1e-5 * largest(covariance), p.name());
                assertArrayEquals(weight, backend.readDoubles(w), 1e-5 * largest(weight), p.name());
            }
        }
        GradientStore plain = fill("plain", windows, 0, 1, GradientSettings.DEFAULT, Progress.NONE);
        String any = projections().get(0);
        assertRefused("--output-covariance full", () -> plain.outputCovariance(any, backend));
        assertRefused("--weight-gradients", () -> plain.weightGradient(any, backend));
    }

    private static double largest(double[] values) {
        return Arrays.stream(values).map(Math::abs).max().orElse(0);
    }

    /** Adds a window's squares and says how many of its gradients were shortened. */
    private static int addSquares(float[] gradient, double[] sums) {
        int cols = sums.length;
        int rows = gradient.length / cols;
        double[] norms = new double[rows];
        for (int i = 0; i < gradient.length; i++) {
            norms[i / cols] += (double) gradient[i] * gradient[i];
        }
        Arrays.setAll(norms, i -> Math.sqrt(norms[i]));
        double[] sorted = norms.clone();
        Arrays.sort(sorted);
        double longest = 1.5 * sorted[(rows - 1) / 2];
        for (int i = 0; i < gradient.length; i++) {
            double value = gradient[i] * Math.min(1, longest / Math.max(norms[i / cols], Double.MIN_NORMAL));
            sums[i % cols] += value * value;
        }
        return (int) Arrays.stream(norms).filter(norm -> norm > longest).count();
    }

    static void assertRefused(String message, Executable action) {
        CospadiException refused = assertThrows(CospadiException.class, action);
        assertTrue(refused.getMessage().contains(message), refused.getMessage());
    }
}
