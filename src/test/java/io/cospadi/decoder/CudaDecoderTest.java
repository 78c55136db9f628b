package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;
import io.cospadi.checkpoint.Architecture;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.TinyCheckpoint;
import io.cospadi.gpu.CallCounts;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.EmulatedCuda;
import io.cospadi.gpu.FullDevice;
import io.cospadi.tensor.CospadiException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The decoder on CUDA, kernels in emulation. */
class CudaDecoderTest {
    @Nested
    class ReferenceLogits extends AbstractReferenceLogitsTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class ReferenceGradients extends AbstractReferenceGradientsTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class Generation extends AbstractGeneratorTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class GenerationFromALateQueue extends AbstractGeneratorTest {
        @Override
        Backend create() {
            return TestBackends.emulatedLate();
        }
    }

    @Nested
    class FactoredModels extends AbstractFactoredDecoderTest {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class LoadingAhead extends AbstractLoadingAheadTest {
        @Override
        CudaCalls device() {
            return new EmulatedCuda();
        }
    }

    @Nested
    class SingleTokens extends AbstractSingleTokenStepTest {
        @Override
        CudaCalls device() {
            return new EmulatedCuda();
        }
    }

    /**
     * Dense, factored, and some of both: a layer is a handful of launches, and none but a step's first waits for the end of what
     * was queued before it.
     */
    @ParameterizedTest
    @CsvSource({"0, 10", "7, 14", "3, 11"})
    void aStepIsAHandfulOfLaunchesThatMayBeginEarly(int factoredTypes, int launchesOfLayer) throws Exception {
        ModelConfig config;
        try (ModelWeights fixture = DecoderFixture.named("mistral").open()) {
            config = fixture.config();
        }
        CallCounts counts = new CallCounts(new EmulatedCuda());
        SyntheticWeights weights = new SyntheticWeights(
                config,
                projection -> projection.type().ordinal() < factoredTypes
                        ? Optional.of(new SyntheticWeights.Size(24, 12, 0))
                        : Optional.empty());
        try (Backend backend = TestBackends.on(counts.calls(), Long.MAX_VALUE);
                ResidentModel model = new ResidentModel(weights, backend, 4)) {
            for (int i = 0; i < 3; i++) {
                model.next(i);
            }
        }
        assertEquals(List.of(), counts.recordedThatWait());
        List<String> recorded = counts.recorded();
        assertEquals(launchesOfLayer * config.layers() + 2, recorded.size(), recorded.toString());
    }

    /** A token neither comes from the host nor is waited for there before the next one is queued; with and without a nucleus. */
    @ParameterizedTest
    @CsvSource({"llama, 0, 1", "llama-untied, 0, 1", "qwen2, 0.8, 1", "llama, 0.8, 0.9"})
    void tokensAreChosenWhereTheyRun(String name, double temperature, double topP) {
        DecoderFixture fixture = DecoderFixture.named(name);
        int[] reads = new int[2];
        for (int i = 0; i < 2; i++) {
            CallCounts counts = new CallCounts(new EmulatedCuda());
            try (Backend backend = TestBackends.on(counts.calls(), Long.MAX_VALUE);
                    ModelWeights weights = fixture.open();
                    ResidentModel model = new ResidentModel(weights, backend, 20)) {
                int before = counts.of("toHost");
                int most = 4 + 8 * i;
                new Generator(model, new int[0])
                        .generate(new int[] {1, 2, 3}, most, new Sampling(temperature, topP, 5), token -> {});
                assertEquals(2 * most, counts.of("fetch"), "a token and its logits' energy");
                reads[i] = counts.of("toHost") - before;
            }
        }
        assertEquals(reads[0], reads[1], "4 and 12 tokens");
    }

    /** A recording has memory of its own; where there is none steps are run one by one. */
    @Test
    void withoutRoomForARecordingTheSameTokensCome() {
        DecoderFixture fixture = DecoderFixture.named("llama");
        CallCounts counts = new CallCounts(new EmulatedCuda());
        int[] expected = greedy(fixture, counts.calls());
        CallCounts full = new CallCounts(FullDevice.whileRecording(new EmulatedCuda()));
        assertArrayEquals(expected, greedy(fixture, full.calls()));
        assertEquals(counts.of("beginCapture"), full.of("beginCapture"), "tried once");
        assertTrue(full.of("launch") > counts.of("launch"), "steps were launched one by one");
    }

    private static int[] greedy(DecoderFixture fixture, CudaCalls device) {
        try (Backend backend = TestBackends.on(device, Long.MAX_VALUE);
                ModelWeights weights = fixture.open();
                ResidentModel model = new ResidentModel(weights, backend, 20)) {
            return new Generator(model, new int[0])
                    .generate(new int[] {1, 2, 3}, 8, Sampling.GREEDY, token -> {})
                    .tokens();
        }
    }

    @Test
    void headsThatAreTooWideAreRefusedBeforeAnythingIsLoaded(@TempDir Path temporary) {
        ModelConfig config = ModelConfig.parse(TinyCheckpoint.of(Architecture.LLAMA)
                .with("head_dim", 258)
                .write(temporary)
                .resolve("config.json"));
        CallCounts counts = new CallCounts(new EmulatedCuda());
        try (ModelWeights weights = new SyntheticWeights(config, projection -> Optional.empty());
                Backend backend = TestBackends.on(counts.calls(), Long.MAX_VALUE)) {
            CospadiException refused =
                    assertThrows(CospadiException.class, () -> new ResidentModel(weights, backend, 4));
            assertEquals(
                    "head_dim of the model's config.json is 258, and attention on a GPU takes at most 256; use "
                            + "--backend cpu",
                    refused.getMessage());
            assertEquals(0, counts.of("allocate"));
        }
    }

    /** What a device has beyond a model and its cache may go into an embedding, never what these need. */
    @Test
    void moreMemoryNeverMakesAModelTooLarge(@TempDir Path temporary) {
        ModelConfig config = ModelConfig.parse(TinyCheckpoint.of(Architecture.LLAMA)
                .with("hidden_size", 64)
                .with("head_dim", 12)
                .with("vocab_size", 8192)
                .with("max_position_embeddings", 8000)
                .write(temporary)
                .resolve("config.json"));
        try (ModelWeights weights = new SyntheticWeights(config, projection -> Optional.empty())) {
            boolean fitted = false;
            boolean told = false;
            // a cache of 1.9 MB, an embedding of 1 MB that might be of 2 in another type
            for (long room = 2 << 20; room < 6 << 20; room += 1 << 16) {
                boolean fits = true;
                try (Backend backend = TestBackends.on(new EmulatedCuda(), room);
                        ResidentModel model = new ResidentModel(weights, backend, config.maxPositions())) {
                    new Generator(model, new int[0]).generate(new int[] {1, 2, 3}, 2, Sampling.GREEDY, token -> {});
                } catch (CospadiException full) {
                    fits = false;
                    told |= full.getMessage().startsWith("the model doesn't fit with a cache of 8000 positions, ");
                    assertTrue(full.getMessage().contains("--max-vram allows " + room), full.getMessage());
                }
                assertTrue(fits || !fitted, room + " bytes are too few where less was enough");
                fitted |= fits;
            }
            assertTrue(fitted && told);
            try (Backend backend = TestBackends.emulated();
                    ResidentModel model = new ResidentModel(weights, backend, config.maxPositions())) {
                assertTrue(model.canFollow());
            }
        }
    }
}
