package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.checkpoint.Architecture;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.TinyCheckpoint;
import io.cospadi.decoder.Decoder;
import io.cospadi.decoder.DenseWeights;
import io.cospadi.decoder.ModelWeights;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Inputs that propagate, on the processor. */
class PropagatedInputsTest extends AbstractPropagatedInputsTest {
    @Override
    Backend create() {
        return new CpuBackend(1);
    }

    @Test
    void windowsLongerThanWhatPassesAtOnceAreSummedChunkByChunk() {
        TinyCheckpoint.of(Architecture.MISTRAL)
                .with("max_position_embeddings", 4096)
                .with("sliding_window", 50)
                .write(temporary.resolve("model"));
        int length = Decoder.CHUNK_ROWS + 3;
        int[] tokens = new Random(1).ints(length, 0, 10).toArray();
        TokenWindows windows = TokenWindows.cut(tokens, new WindowSettings(1, length, false, 0));
        try (ModelWeights model = new DenseWeights(Checkpoint.open(temporary.resolve("model")))) {
            requireBitsOfACalibration(model, windows);
        }
    }
}
