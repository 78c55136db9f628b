package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.SafetensorsFile;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.tensor.Progress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The backward pass against PyTorch's autograd in f64, at the output of every projection of every family. */
abstract class AbstractReferenceGradientsTest {
    /** Of the largest gradient of its projection: f32 and f64 differ by a few 1e-5 on these random weights. */
    private static final double TOLERANCE = 1e-3;

    @TempDir
    Path temporary;

    abstract Backend create();

    private static List<DecoderFixture> fixtures() {
        return DecoderFixture.all().stream()
                .filter(fixture -> Files.exists(fixture.folder().resolve("gradients.safetensors")))
                .toList();
    }

    @Test
    void everyFamilyHasAFixture() {
        List<String> names = fixtures().stream().map(DecoderFixture::name).toList();
        assertTrue(names.containsAll(List.of("llama", "llama3-rope", "qwen2", "qwen2-sliding", "qwen3", "mistral")));
    }

    @TestFactory
    Stream<DynamicTest> gradientsEqualAutograd() {
        return fixtures().stream()
                .map(fixture -> DynamicTest.dynamicTest(fixture.name(), () -> {
                    Map<String, float[]> found = gradients(fixture, Long.MAX_VALUE);
                    try (SafetensorsFile file =
                            SafetensorsFile.open(fixture.folder().resolve("gradients.safetensors"))) {
                        for (Map.Entry<String, float[]> projection : found.entrySet()) {
                            StoredTensor tensor = file.tensor(projection.getKey());
                            float[] expected = new float[(int) (tensor.rows() * tensor.cols())];
                            file.map(tensor).asFloatBuffer().get(expected);
                            assertClose(projection.getKey(), expected, projection.getValue());
                        }
                        assertEquals(file.tensors().size(), found.size());
                    }
                }));
    }

    @TestFactory
    Stream<DynamicTest> spilledInputsChangeNothing() {
        return Stream.of("llama", "qwen3")
                .map(DecoderFixture::named)
                .map(fixture -> DynamicTest.dynamicTest(fixture.name(), () -> {
                    Map<String, float[]> kept = gradients(fixture, Long.MAX_VALUE);
                    Map<String, float[]> spilled = gradients(fixture, 0);
                    kept.forEach((name, gradient) -> assertArrayEquals(gradient, spilled.get(name), name));
                }));
    }

    /** Gradients and layer inputs together; what stages one window at a time comes on top, when it is needed. */
    @Test
    void activationsKeepWithinTheirLimit() {
        DecoderFixture fixture = DecoderFixture.named("llama");
        try (Backend backend = create();
                ModelWeights weights = fixture.open();
                Decoder decoder = new Decoder(weights, backend)) {
            List<int[]> windows = fixture.windows();
            long one = 4L * windows.get(0).length * weights.config().hiddenSize();
            for (long limit : new long[] {0, one, 3 * one + 1, 1 << 30}) {
                long before = backend.allocatedBytes();
                try (GradientPass pass =
                        new GradientPass(decoder, windows, Labels.ofText(backend, windows), limit, temporary)) {
                    long kept = backend.allocatedBytes() - before;
                    long all = one * windows.size() * (weights.config().layers() + 2);
                    assertTrue(kept <= limit && kept > Math.min(limit, all) - one, kept + " of " + limit);
                    assertEquals(-1, pass.nextLayer());
                }
            }
        }
    }

    private Map<String, float[]> gradients(DecoderFixture fixture, long bytesInMemory) {
        Map<String, float[]> found = new TreeMap<>();
        List<int[]> windows = List.of(fixture.ids()[0]);
        try (Backend backend = create()) {
            try (ModelWeights weights = fixture.open();
                    Decoder decoder = new Decoder(weights, backend);
                    GradientPass pass = new GradientPass(
                            decoder, windows, Labels.ofText(backend, windows), bytesInMemory, temporary)) {
                ModelConfig config = weights.config();
                pass.forward(Progress.NONE);
                while (pass.nextLayer() >= 0) {
                    int layer = pass.nextLayer();
                    pass.retreat(
                            window -> (type, gradient) -> {
                                Projection projection = config.projection(layer, type);
                                found.put(projection.name(), backend.readFloats(gradient));
                            },
                            Progress.NONE);
                }
            }
            assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
        }
        return found;
    }

    private static void assertClose(String name, float[] expected, float[] found) {
        assertEquals(expected.length, found.length, name);
        double largest = 0;
        for (float value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        List<String> wrong = new ArrayList<>();
        for (int i = 0; i < expected.length; i++) {
            if (!(Math.abs(expected[i] - found[i]) <= TOLERANCE * largest)) {
                wrong.add(i + ": " + found[i] + ", expected " + expected[i]);
            }
        }
        assertTrue(largest > 0 && wrong.isEmpty(), name + " differs at " + wrong.size() + " places: " + wrong);
    }
}
