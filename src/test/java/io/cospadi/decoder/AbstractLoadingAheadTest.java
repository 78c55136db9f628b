package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;
import io.cospadi.checkpoint.Architecture;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.TinyCheckpoint;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.LateQueue;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Weights of the next layer cross to the device while it computes, and come too early for nobody. */
abstract class AbstractLoadingAheadTest {
    private static final int LAYERS = 5;
    private static final int HIDDEN = 512;
    /** So that a weight is large enough for its memory to be kept with a mark. */
    private static final int INTERMEDIATE = 1056;

    private static final long MLP_BYTES_OF_LAYER = 2L * 3 * HIDDEN * INTERMEDIATE;

    /** Room for another layer, but not for all in new places: some come where the device has still to read what was there. */
    private static final long TIGHT = 3 * MLP_BYTES_OF_LAYER;

    @TempDir
    Path temporary;

    /** A new one, closed with the backend on it. */
    abstract CudaCalls device();

    private Path model(DType dtype) {
        return TinyCheckpoint.of(Architecture.LLAMA)
                .with("hidden_size", HIDDEN)
                .with("intermediate_size", INTERMEDIATE)
                .with("num_hidden_layers", LAYERS)
                .dtype(dtype)
                .write(temporary.resolve(dtype.name()));
    }

    /** Two windows through all layers; limits as they are given to the backend and the pass. */
    private float[][] hidden(CudaCalls device, Path model, long maxVram, long bytesInMemory) {
        List<int[]> windows = List.of(new int[] {1, 2, 3}, new int[] {4, 5, 6, 7, 8});
        try (Backend backend = TestBackends.on(device, maxVram);
                ModelWeights weights = new DenseWeights(Checkpoint.open(model));
                Decoder decoder = new Decoder(weights, backend);
                LayerwisePass pass = new LayerwisePass(decoder, windows, bytesInMemory, temporary)) {
            while (pass.nextLayer() < LAYERS) {
                pass.advance(window -> SiteListener.NONE, Progress.NONE);
            }
            return new float[][] {backend.readFloats(pass.hidden(0)), backend.readFloats(pass.hidden(1))};
        }
    }

    private static void assertSame(float[][] expected, float[][] actual) {
        for (int i = 0; i < expected.length; i++) {
            assertArrayEquals(expected[i], actual[i]);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"BF16", "F16", "F32"})
    void aQueueThatRunsLateChangesNothing(DType dtype) {
        Path model = model(dtype);
        float[][] expected = hidden(device(), model, Long.MAX_VALUE, Long.MAX_VALUE);
        assertSame(expected, hidden(new LateQueue(device()).calls(), model, Long.MAX_VALUE, Long.MAX_VALUE));
        assertSame(expected, hidden(new LateQueue(device()).calls(), model, Long.MAX_VALUE, 0));
        assertSame(expected, hidden(new LateQueue(device()).calls(), model, TIGHT, Long.MAX_VALUE));
    }

    @Test
    void allLayersButTheFirstCrossWhileProductsAreQueued() {
        LateQueue queue = new LateQueue(device());
        hidden(queue.calls(), model(DType.BF16), Long.MAX_VALUE, Long.MAX_VALUE);
        assertTrue(
                queue.bytesBesideProducts() >= (LAYERS - 1) * MLP_BYTES_OF_LAYER,
                queue.bytesBesideProducts() + " of " + queue.bytesBeside() + " bytes");
    }

    @Test
    void whereAnotherLayerHasNoRoomItIsLoadedAfterwards() {
        Path model = model(DType.BF16);
        float[][] expected = hidden(device(), model, Long.MAX_VALUE, Long.MAX_VALUE);
        LateQueue queue = new LateQueue(device());
        assertSame(expected, hidden(queue.calls(), model, 8 * MLP_BYTES_OF_LAYER / 5, Long.MAX_VALUE));
        // one of a layer's weights finds a place beside those of the layer before, which is still computed with
        assertTrue(
                queue.bytesBesideProducts() <= (LAYERS - 1) * MLP_BYTES_OF_LAYER / 3,
                queue.bytesBesideProducts() + " bytes crossed ahead");
    }

    /** A layer that can't be read fails where it is entered; the one before is finished by then. */
    @Test
    void aDamagedLayerFailsInItsTurn() {
        Path model = model(DType.BF16);
        try (Backend backend = TestBackends.on(device(), Long.MAX_VALUE);
                ModelWeights weights = new DelegatingWeights(new DenseWeights(Checkpoint.open(model))) {
                    @Override
                    public Linear projection(Projection projection, Backend on) {
                        if (projection.layer() == 2) {
                            throw new CospadiException("damaged");
                        }
                        return super.projection(projection, on);
                    }
                };
                Decoder decoder = new Decoder(weights, backend);
                LayerwisePass pass = new LayerwisePass(decoder, List.of(new int[] {1, 2}), Long.MAX_VALUE, temporary)) {
            pass.advance(window -> SiteListener.NONE, Progress.NONE);
            pass.advance(window -> SiteListener.NONE, Progress.NONE);
            assertEquals(2, pass.nextLayer());
            assertThrows(CospadiException.class, () -> pass.advance(window -> SiteListener.NONE, Progress.NONE));
        }
    }

    @Test
    void theDevicesOwnTwoQueuesChangeNothing() {
        Path model = model(DType.BF16);
        float[][] afterwards = hidden(device(), model, 2 * MLP_BYTES_OF_LAYER, Long.MAX_VALUE);
        assertSame(afterwards, hidden(device(), model, Long.MAX_VALUE, Long.MAX_VALUE));
    }

    /** That the tests above would see it. */
    @Test
    void copiesThatWaitForNobodySpoilTheResult() {
        Path model = model(DType.BF16);
        float[][] expected = hidden(device(), model, Long.MAX_VALUE, Long.MAX_VALUE);
        float[][] spoilt = hidden(new LateQueue(device(), false).calls(), model, TIGHT, Long.MAX_VALUE);
        assertFalse(Arrays.equals(expected[1], spoilt[1]));
    }
}
