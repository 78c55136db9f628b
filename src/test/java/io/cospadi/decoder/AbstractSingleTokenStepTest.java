package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;
import io.cospadi.gpu.CallCounts;
import io.cospadi.gpu.CudaCalls;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Single tokens are recorded once and replayed, whatever scratch memory moves in between; logits stay PyTorch's throughout. */
abstract class AbstractSingleTokenStepTest {
    private static final double TOLERANCE = 1e-4;

    abstract CudaCalls device();

    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2-sliding"})
    void stepsAreRecordedOnceWhateverPromptsComeBetween(String name) {
        DecoderFixture fixture = DecoderFixture.named(name);
        CallCounts counts = new CallCounts(device());
        try (Backend backend = TestBackends.on(counts.calls(), Long.MAX_VALUE)) {
            try (ModelWeights weights = fixture.open();
                    ResidentModel model = new ResidentModel(weights, backend, fixture.ids()[0].length)) {
                steps(4, fixture, model);
                assertEquals(1, counts.of("beginCapture"), "the second token is recorded, the others replayed");
                int before = counts.of("launch");
                steps(1, fixture, model);
                assertTrue(counts.of("launch") - before <= 1, "a replayed token launches no more than its embedding");

                chunk(4, fixture, model);
                steps(3, fixture, model);
                assertEquals(1, counts.of("beginCapture"), "a longer chunk moves nothing of a single token's");

                model.rewind(2);
                chunk(3, fixture, model);
                steps(2, fixture, model);
                assertEquals(1, counts.of("beginCapture"), "nor does a shorter one");

                chunk(5, fixture, model);
                model.rewind(6);
                steps(3, fixture, model);
                assertEquals(1, counts.of("beginCapture"), "nor the longest");
            }
            assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
        }
    }

    private static void steps(int count, DecoderFixture fixture, ResidentModel model) {
        for (int i = 0; i < count; i++) {
            int position = model.position();
            float[] logits = model.readLogits(model.next(fixture.ids()[0][position]));
            check(fixture, position, logits);
        }
    }

    private static void chunk(int count, DecoderFixture fixture, ResidentModel model) {
        int from = model.position();
        int[] ids = Arrays.copyOfRange(fixture.ids()[0], from, from + count);
        check(fixture, from + count - 1, model.lastLogits(model.advance(ids)));
    }

    private static void check(DecoderFixture fixture, int position, float[] found) {
        float[] expected = fixture.logits()[0][position];
        for (int j = 0; j < expected.length; j++) {
            assertEquals(expected[j], found[j], TOLERANCE, "position " + position + ", token " + j);
        }
    }
}
