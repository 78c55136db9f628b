package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.TestBackends;
import io.cospadi.checkpoint.ModelConfig;
import java.util.Arrays;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@code bench decode} runs on a GPU, in emulation and on the processor: dense, factored, and with groups. */
class DecoderBenchmarkTest {
    private static final int WINDOW = 20;
    private static final int PROMPT = 6;
    private static final int STEPS = 5;

    @ParameterizedTest
    @CsvSource({"false, 0", "false, 4", "true, 0"})
    void bothWaysOfADecoderAreMeasured(boolean dense, int group) {
        ModelConfig config;
        try (ModelWeights fixture = DecoderFixture.named("mistral").open()) {
            config = fixture.config();
        }
        for (boolean emulated : new boolean[] {false, true}) {
            try (Backend backend = emulated ? TestBackends.emulated() : new CpuBackend(2)) {
                try (ModelWeights weights = new SyntheticWeights(
                        config,
                        projection ->
                                dense ? Optional.empty() : Optional.of(new SyntheticWeights.Size(24, 12, group)))) {
                    measure(weights, backend);
                }
                assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
            }
        }
    }

    private static void measure(ModelWeights weights, Backend backend) {
        int[] ids = new SplittableRandom(42)
                .ints(WINDOW, 0, weights.config().vocabSize())
                .toArray();
        long bytes;
        long multiplyAdds = 0;
        try (ResidentModel model = new ResidentModel(weights, backend, WINDOW)) {
            bytes = model.bytes();
            for (int position = 0; position < WINDOW; position++) {
                multiplyAdds += model.multiplyAdds(position);
            }
        }
        DecoderBenchmark benchmark = new DecoderBenchmark(weights, backend);
        DecoderBenchmark.Result prefill = benchmark.prefill(ids, 2, () -> 1e9);
        assertEquals(WINDOW, prefill.tokens());
        assertEquals(2 * multiplyAdds, prefill.work());
        DecoderBenchmark.Result decode = benchmark.decode(Arrays.copyOf(ids, PROMPT), STEPS, 3, () -> 1e9);
        assertEquals(STEPS, decode.tokens());
        assertEquals(bytes * STEPS, decode.work());
        assertTrue(0 < decode.seconds() && decode.seconds() <= decode.slow(), decode.toString());
        assertEquals(decode.work() / decode.seconds(), decode.rate());
        assertEquals(decode.rate() / 1e9, decode.share());
    }
}
