package io.cospadi.calibration;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.decoder.Decoder;
import io.cospadi.decoder.DecoderFixture;
import io.cospadi.decoder.DelegatingWeights;
import io.cospadi.decoder.DenseLinear;
import io.cospadi.decoder.LayerwisePass;
import io.cospadi.decoder.Linear;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a model that is replaced on the way feeds its projections, against plain loops over forward passes of both models. */
abstract class AbstractPropagatedInputsTest {
    private static final int WINDOWS = 5;
    private static final int LENGTH = 9;

    final DecoderFixture fixture = DecoderFixture.named("qwen3");
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

    private TokenWindows windows() {
        Random random = new Random(4);
        int[] tokens =
                random.ints(WINDOWS * LENGTH, 0, weights.config().vocabSize()).toArray();
        return TokenWindows.cut(tokens, new WindowSettings(WINDOWS, LENGTH, false, 0));
    }

    /** Some other weight of the projection's shape, the same for the same projection. */
    private Linear other(Projection projection) {
        SplittableRandom random = new SplittableRandom(projection.name().hashCode());
        float[] values = new float[projection.d1() * projection.d2()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextDouble(-1, 1) / Math.sqrt(projection.d1()));
        }
        Matrix weight = backend.allocate(projection.d2(), projection.d1(), DType.F32);
        backend.write(weight, values);
        return new DenseLinear(weight, null);
    }

    /** The model with those projections replaced, from the start. */
    private final class Replaced extends DelegatingWeights {
        private final Set<String> replaced;

        Replaced(Set<String> replaced) {
            super(weights);
            this.replaced = replaced;
        }

        @Override
        public Linear projection(Projection projection, Backend on) {
            return replaced.contains(projection.name()) ? other(projection) : super.projection(projection, on);
        }
    }

    /** Inputs of all sites, window after window, of the model with those projections replaced. */
    private Map<String, float[][]> inputs(Set<String> replaced) {
        Map<String, float[][]> inputs = new HashMap<>();
        TokenWindows windows = windows();
        try (Decoder decoder = new Decoder(new Replaced(replaced), backend);
                LayerwisePass pass = new LayerwisePass(decoder, windows.windows(), 1 << 20, temporary)) {
            for (int layer = 0; layer < weights.config().layers(); layer++) {
                int number = layer;
                pass.advance(
                        window -> (site, x) ->
                                inputs.computeIfAbsent(Projection.siteName(number, site), name -> new float[WINDOWS][])[
                                                window] =
                                        backend.readFloats(x),
                        Progress.NONE);
            }
        }
        return inputs;
    }

    private static double[] product(float[][] left, float[][] right, float[][] minus, int d) {
        double[] sum = new double[d * d];
        for (int w = 0; w < left.length; w++) {
            for (int row = 0; row < left[w].length; row += d) {
                for (int i = 0; i < d; i++) {
                    for (int j = 0; j < d; j++) {
                        double factor = right[w][row + j] - (minus == null ? 0.0 : minus[w][row + j]);
                        sum[i * d + j] += left[w][row + i] * factor;
                    }
                }
            }
        }
        return sum;
    }

    @Test
    void sumsAreThoseOfTheModelAsItIsByThen() {
        // of o in the first layer, of k in the second: all sites behind them move
        requireSums(1 << 20, Set.of(0 + "O", 1 + "K"));
    }

    @Test
    void spilledStatesGiveTheSameSums() {
        requireSums(0, Set.of(0 + "GATE", 0 + "DOWN"));
    }

    private void requireSums(long bytesInMemory, Set<String> toReplace) {
        ModelConfig config = weights.config();
        Map<String, float[][]> dense = inputs(Set.of());
        Set<String> replaced = new HashSet<>();
        boolean moved = false;
        CalibrationSettings settings = new CalibrationSettings(bytesInMemory, temporary);
        try (PropagatedInputs inputs = new PropagatedInputs(weights, windows(), true, backend, settings);
                PropagatedInputs alone = new PropagatedInputs(weights, windows(), false, backend, settings)) {
            for (int layer = 0; layer < config.layers(); layer++) {
                inputs.enter();
                alone.enter();
                for (InputSite site : InputSite.values()) {
                    if (site == InputSite.MLP_INPUT) {
                        inputs.attend(Progress.NONE);
                        alone.attend(Progress.NONE);
                    }
                    String name = Projection.siteName(layer, site);
                    float[][] expected = inputs(replaced).get(name);
                    int d = expected[0].length / LENGTH;
                    try (PropagatedInputs.Sums sums = inputs.sums(site, Progress.NONE);
                            PropagatedInputs.Sums gramAlone = alone.sums(site, Progress.NONE)) {
                        double[] gram = backend.readDoubles(sums.gram());
                        double[] shift = backend.readDoubles(sums.shift().orElseThrow());
                        requireClose(product(expected, expected, null, d), gram, 1e-12, name);
                        requireClose(product(expected, dense.get(name), expected, d), shift, 1e-6, name);
                        assertArrayEquals(gram, backend.readDoubles(gramAlone.gram()), name);
                        assertTrue(gramAlone.shift().isEmpty());
                        boolean zero = true;
                        for (double value : shift) {
                            zero &= value == 0;
                        }
                        assertEquals(!moved, zero, name + ": a shift comes with the first change, and not before");
                    }
                    for (ProjectionType type : ProjectionType.values()) {
                        if (type.site() == site && toReplace.contains(layer + type.name())) {
                            Projection projection = config.projection(layer, type);
                            replaced.add(projection.name());
                            inputs.replace(projection, other(projection));
                            alone.replace(projection, other(projection));
                            moved = true;
                        }
                    }
                }
                inputs.feedForward(Progress.NONE);
                alone.feedForward(Progress.NONE);
            }
        }
        assertEquals(toReplace.size(), replaced.size());
    }

    /** Both see the same f32 inputs; Grams add in f64, shifts in f32 within a window. */
    private static void requireClose(double[] expected, double[] found, double tolerance, String what) {
        double largest = 0;
        for (double value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        assertArrayEquals(expected, found, tolerance * largest, what);
    }

    @Test
    void whereNothingIsReplacedSumsHaveTheBitsOfACalibration() {
        requireBitsOfACalibration(weights, windows());
    }

    void requireBitsOfACalibration(ModelWeights model, TokenWindows windows) {
        int layers = model.config().layers();
        GramStore store =
                GramStore.create(temporary.resolve("grams"), GramOrigin.whole("model", backend, layers, windows));
        CalibrationSettings settings = new CalibrationSettings(1 << 20, temporary);
        Calibration.run(model, windows, store, backend, settings, Progress.NONE);
        try (PropagatedInputs inputs = new PropagatedInputs(model, windows, true, backend, settings)) {
            for (int layer = 0; layer < layers; layer++) {
                inputs.enter();
                requireSameBits(store, inputs, layer, InputSite.ATTENTION_INPUT);
                requireSameBits(store, inputs, layer, InputSite.ATTENTION_OUTPUT);
                inputs.attend(Progress.NONE);
                requireSameBits(store, inputs, layer, InputSite.MLP_INPUT);
                requireSameBits(store, inputs, layer, InputSite.MLP_HIDDEN);
                inputs.feedForward(Progress.NONE);
            }
        }
    }

    private void requireSameBits(GramStore store, PropagatedInputs inputs, int layer, InputSite site) {
        String name = Projection.siteName(layer, site);
        try (Matrix expected = store.gram(name, backend);
                PropagatedInputs.Sums sums = inputs.sums(site, Progress.NONE)) {
            assertArrayEquals(backend.readDoubles(expected), backend.readDoubles(sums.gram()), name);
        }
    }
}
