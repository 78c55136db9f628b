package io.cospadi.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.calibration.Calibration;
import io.cospadi.calibration.CalibrationSettings;
import io.cospadi.calibration.GramOrigin;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.TokenWindows;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.decoder.DecoderFixture;
import io.cospadi.decoder.DelegatingWeights;
import io.cospadi.decoder.Generator;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.ResidentModel;
import io.cospadi.decoder.Sampling;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** Finite weights whose activations overflow f32 end in a message, not in NaN, and leave nothing allocated. */
class OverflowTest {
    private final DecoderFixture fixture = DecoderFixture.named("llama-untied");
    private final int[] ids = fixture.ids()[0];

    @TempDir
    Path temporary;

    /** The fixture's model with one norm's weight scaled beyond what the next product can hold. */
    private static final class Overflowing extends DelegatingWeights {
        private final String norm;

        Overflowing(ModelWeights sound, String norm) {
            super(sound);
            this.norm = norm;
        }

        @Override
        public Matrix tensor(String name, Backend backend) {
            Matrix tensor = super.tensor(name, backend);
            if (name.equals(norm)) {
                backend.scale(1e38, tensor);
            }
            return tensor;
        }
    }

    private static void assertRefused(String message, Executable action) {
        CospadiException refused = assertThrows(CospadiException.class, action);
        assertTrue(refused.getMessage().contains(message), refused.getMessage());
    }

    @Test
    void logitsThatAreNotFiniteAreRefused() {
        EvaluationSettings settings = new EvaluationSettings(ids.length, 0, 0, temporary);
        try (Backend backend = new CpuBackend(2)) {
            try (ModelWeights sound = fixture.open();
                    ModelWeights broken = new Overflowing(fixture.open(), ModelConfig.FINAL_NORM)) {
                assertRefused(
                        "window 0: the model's logits are not finite",
                        () -> TokenPerplexity.evaluate(broken, backend, "a", ids, settings, Progress.NONE));
                assertRefused(
                        "window 0: the model's logits are not finite",
                        () -> KlDivergence.evaluate(
                                sound, "dense", broken, backend, "a", ids, settings, Progress.NONE));
                try (ResidentModel model = new ResidentModel(broken, backend, 20)) {
                    assertRefused("the model's logits are not finite", () -> new Generator(model, new int[0])
                            .generate(ids, 3, Sampling.GREEDY, token -> {}));
                }
            }
            assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
        }
    }

    @Test
    void gramsThatAreNotFiniteAreRefused() {
        String norm = "model.layers.1.post_attention_layernorm.weight";
        TokenWindows windows = TokenWindows.cut(ids, new WindowSettings(1, ids.length, false, 0));
        try (Backend backend = new CpuBackend(2)) {
            try (ModelWeights broken = new Overflowing(fixture.open(), norm)) {
                GramStore store = GramStore.create(
                        temporary.resolve("grams"),
                        GramOrigin.whole("m", backend, broken.config().layers(), windows));
                assertRefused(
                        "the sum is not finite",
                        () -> Calibration.run(
                                broken, windows, store, backend, new CalibrationSettings(0, temporary), Progress.NONE));
                assertEquals(1, store.finishedLayers());
            }
            assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
        }
    }
}
