package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The backward pass against central differences of the plain f64 model's loss: a weight that is moved a little changes it by what
 * the gradient at the projection's output and its input say, {@code Σ_t g_t x_tᵀ}. Every projection of every family.
 */
class FiniteDifferencesTest {
    private static final double STEP = 1e-5;
    private static final int ENTRIES = 6;

    @TempDir
    Path temporary;

    @TestFactory
    Stream<DynamicTest> weightGradientsEqualDifferencesOfTheLoss() {
        return DecoderFixture.all().stream()
                // the plain decoder reads F32 and BF16
                .filter(fixture -> !fixture.name().equals("llama-f16"))
                .map(fixture -> DynamicTest.dynamicTest(fixture.name(), () -> check(fixture)));
    }

    private void check(DecoderFixture fixture) {
        int[] ids = Arrays.copyOf(fixture.ids()[0], Math.min(12, fixture.ids()[0].length));
        Map<Projection, double[][]> gradients = weightGradients(fixture, ids);
        PlainDecoder plain = new PlainDecoder(fixture.folder());
        Random random = new Random(5);
        gradients.forEach((projection, gradient) -> {
            double largest = Arrays.stream(gradient)
                    .flatMapToDouble(Arrays::stream)
                    .map(Math::abs)
                    .max()
                    .orElseThrow();
            assertTrue(largest > 0, projection.name());
            for (int i = 0; i < ENTRIES; i++) {
                int j = random.nextInt(projection.d2());
                int a = random.nextInt(projection.d1());
                double[] row = plain.weight(projection)[j];
                double value = row[a];
                row[a] = value + STEP;
                double above = loss(plain, ids);
                row[a] = value - STEP;
                double below = loss(plain, ids);
                row[a] = value;
                // f32 gradients against f64 differences
                assertEquals(
                        (above - below) / (2 * STEP),
                        gradient[j][a],
                        1e-3 * largest,
                        projection.name() + " at " + j + ", " + a);
            }
        });
    }

    /** −Σ log p of each next token. */
    private static double loss(PlainDecoder plain, int[] ids) {
        double[][] logits = plain.logits(ids, (site, x) -> {});
        double loss = 0;
        for (int i = 0; i + 1 < ids.length; i++) {
            double total = Arrays.stream(logits[i]).map(Math::exp).sum();
            loss -= logits[i][ids[i + 1]] - Math.log(total);
        }
        return loss;
    }

    private Map<Projection, double[][]> weightGradients(DecoderFixture fixture, int[] ids) {
        Map<Projection, double[][]> found = new HashMap<>();
        List<int[]> windows = List.of(ids);
        try (Backend backend = new CpuBackend(2);
                ModelWeights weights = fixture.open();
                Decoder decoder = new Decoder(weights, backend);
                GradientPass pass =
                        new GradientPass(decoder, windows, Labels.ofText(backend, windows), 1 << 20, temporary)) {
            ModelConfig config = weights.config();
            pass.forward(Progress.NONE);
            while (pass.nextLayer() >= 0) {
                int layer = pass.nextLayer();
                pass.retreat(
                        window -> new GradientListener() {
                            private final Map<InputSite, float[]> inputs = new EnumMap<>(InputSite.class);

                            @Override
                            public boolean wantsInputs() {
                                return true;
                            }

                            @Override
                            public void input(InputSite site, Matrix x) {
                                inputs.put(site, backend.readFloats(x));
                            }

                            @Override
                            public void gradient(ProjectionType type, Matrix gradient) {
                                Projection projection = config.projection(layer, type);
                                found.put(
                                        projection,
                                        outer(projection, backend.readFloats(gradient), inputs.get(type.site())));
                            }
                        },
                        Progress.NONE);
            }
        }
        return found;
    }

    private static double[][] outer(Projection projection, float[] gradient, float[] input) {
        double[][] sum = new double[projection.d2()][projection.d1()];
        for (int t = 0; t < gradient.length / projection.d2(); t++) {
            for (int j = 0; j < projection.d2(); j++) {
                for (int a = 0; a < projection.d1(); a++) {
                    sum[j][a] += (double) gradient[t * projection.d2() + j] * input[t * projection.d1() + a];
                }
            }
        }
        return sum;
    }
}
