package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The forward pass against PyTorch transformers, for every fixture, in every way that tokens can be fed. */
abstract class AbstractReferenceLogitsTest {
    private static final double TOLERANCE = 1e-4;

    @TempDir
    Path temporary;

    abstract Backend create();

    @Test
    void everyFamilyHasAFixture() {
        List<String> names =
                DecoderFixture.all().stream().map(DecoderFixture::name).toList();
        for (String family : List.of("llama", "llama3-rope", "qwen2", "qwen3", "mistral")) {
            assertTrue(names.contains(family), family + " is not among " + names);
        }
    }

    @TestFactory
    Stream<DynamicTest> wholeWindowsEqualTransformers() {
        return forEachFixture((fixture, s) -> piecewise(fixture, s, fixture.ids()[s].length));
    }

    @TestFactory
    Stream<DynamicTest> singleTokensThroughTheCacheEqualTransformers() {
        return forEachFixture((fixture, s) -> piecewise(fixture, s, 1));
    }

    @TestFactory
    Stream<DynamicTest> twoChunksEqualTransformers() {
        return forEachFixture((fixture, s) -> piecewise(fixture, s, fixture.ids()[s].length / 2 + 1));
    }

    @TestFactory
    Stream<DynamicTest> layerwiseWindowsEqualTransformers() {
        return forEachFixture((fixture, s) -> layerwise(fixture, Long.MAX_VALUE)[s]);
    }

    @TestFactory
    Stream<DynamicTest> spilledHiddenStatesChangeNothing() {
        return DecoderFixture.all().stream()
                .map(fixture -> DynamicTest.dynamicTest(fixture.name(), () -> {
                    float[][][] kept = layerwise(fixture, Long.MAX_VALUE);
                    long oneWindow = 4L * fixture.ids()[0].length * hiddenSize(fixture);
                    for (long limit : new long[] {0, oneWindow}) {
                        float[][][] spilled = layerwise(fixture, limit);
                        for (int s = 0; s < kept.length; s++) {
                            for (int i = 0; i < kept[s].length; i++) {
                                assertArrayEquals(kept[s][i], spilled[s][i]);
                            }
                        }
                    }
                    try (Stream<Path> left = java.nio.file.Files.list(temporary)) {
                        assertEquals(0, left.count(), "files left behind");
                    }
                }));
    }

    private static int hiddenSize(DecoderFixture fixture) {
        try (ModelWeights weights = fixture.open()) {
            return weights.config().hiddenSize();
        }
    }

    @FunctionalInterface
    private interface Logits {
        float[][] of(DecoderFixture fixture, int sequence);
    }

    private static Stream<DynamicTest> forEachFixture(Logits logits) {
        return DecoderFixture.all().stream()
                .map(fixture -> DynamicTest.dynamicTest(fixture.name(), () -> {
                    for (int s = 0; s < fixture.ids().length; s++) {
                        assertClose(fixture.logits()[s], logits.of(fixture, s));
                    }
                }));
    }

    private float[][] piecewise(DecoderFixture fixture, int sequence, int step) {
        int[] ids = fixture.ids()[sequence];
        try (Backend backend = create()) {
            float[][] logits = new float[ids.length][];
            try (ModelWeights weights = fixture.open();
                    ResidentModel model = new ResidentModel(weights, backend, ids.length)) {
                for (int from = 0; from < ids.length; from += step) {
                    int first = from;
                    Matrix states = model.advance(Arrays.copyOfRange(ids, from, Math.min(from + step, ids.length)));
                    model.head().forEachChunk(states, (row, chunk) -> {
                        for (int i = 0; i < chunk.rows(); i++) {
                            logits[first + row + i] = backend.readFloats(chunk.rows(i, 1));
                        }
                    });
                    assertArrayEquals(logits[model.position() - 1], model.lastLogits(states), (float) TOLERANCE);
                }
            }
            assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
            return logits;
        }
    }

    private float[][][] layerwise(DecoderFixture fixture, long bytesInMemory) {
        try (Backend backend = create()) {
            float[][][] logits = new float[fixture.ids().length][fixture.ids()[0].length][];
            try (ModelWeights weights = fixture.open();
                    Decoder decoder = new Decoder(weights, backend);
                    LayerwisePass pass = new LayerwisePass(decoder, fixture.windows(), bytesInMemory, temporary);
                    LanguageModelHead head = decoder.loadHead()) {
                assertEquals(bytesInMemory != Long.MAX_VALUE, pass.spills());
                while (pass.nextLayer() < weights.config().layers()) {
                    pass.advance(window -> SiteListener.NONE, Progress.NONE);
                }
                for (int window = 0; window < pass.windows(); window++) {
                    Matrix hidden = pass.hidden(window);
                    try (Matrix out = backend.allocate(hidden.rows(), head.vocabSize(), DType.F32)) {
                        head.logits(hidden, out);
                        for (int i = 0; i < hidden.rows(); i++) {
                            logits[window][i] = backend.readFloats(out.rows(i, 1));
                        }
                    }
                }
            }
            assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
            return logits;
        }
    }

    /** Both sides round: fixtures/decoder/README.md gives the reference's own share, at most 2.5e-5. */
    static void assertClose(float[][] expected, float[][] found) {
        double worst = 0;
        String where = "";
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i].length, found[i].length);
            for (int j = 0; j < expected[i].length; j++) {
                double difference = Math.abs((double) expected[i][j] - found[i][j]);
                if (!(difference <= worst)) {
                    worst = difference;
                    where = "position " + i + ", token " + j + ": " + found[i][j] + ", expected " + expected[i][j];
                }
            }
        }
        if (!(worst <= TOLERANCE)) {
            fail("logits differ by " + worst + ", allowed " + TOLERANCE + ", at " + where);
        }
    }
}
