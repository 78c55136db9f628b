package io.cospadi.calibration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Output gradients on the processor, and all that a store of them has to withstand. */
class OutputGradientsTest extends AbstractOutputGradientsTest {
    @Override
    Backend create() {
        return new CpuBackend(2);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5, 8})
    void mergedShardsAreTheBytesOfOneRun(int shards) {
        TokenWindows windows = windows(13, 2);
        whole("whole", windows, 0, 1);
        List<GramStore> parts = new ArrayList<>();
        for (int i = shards - 1; i >= 0; i--) {
            parts.add(whole("shard" + i, windows, i, shards));
        }
        GramStore.merge(parts, temporary.resolve("merged"), backend, Progress.NONE);
        assertEquals(files(temporary.resolve("whole")), files(temporary.resolve("merged")));
    }

    @Test
    void aRunStoppedAnywhereResumesToTheSameBytes() {
        TokenWindows windows = windows(3, 3);
        fill("whole", windows, 0, 1);
        int total = 3 * (2 * config.layers() + 1);
        for (int stopAfter = 1; stopAfter < total; stopAfter++) {
            String name = "stopped" + stopAfter;
            long stop = stopAfter;
            assertThrows(
                    StopException.class,
                    () -> fill(name, windows, 0, 1, settings(LabelSource.MODEL), (done, all) -> {
                        assertEquals(total, all);
                        if (done == stop) {
                            throw new StopException();
                        }
                    }));
            fill(name, windows, 0, 1);
            assertEquals(files(temporary.resolve("whole")), files(temporary.resolve(name)));
        }
        fill("whole", windows, 0, 1, settings(LabelSource.MODEL), (done, all) -> {
            throw new AssertionError("work on a finished store");
        });
    }

    private static final class StopException extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    @Test
    void storesOfDifferentDataAddUp() {
        GramStore a = whole("a", windows(9, 3), 0, 1);
        GramStore b = whole("b", windows(4, 4), 0, 1);
        GramStore without = GramStore.create(
                temporary.resolve("c"), GramOrigin.whole(MODEL, backend, config.layers(), windows(2, 5)));
        Calibration.run(
                weights, windows(2, 5), without, backend, new CalibrationSettings(1 << 20, temporary), Progress.NONE);
        assertFalse(without.hasOutputWeights());
        GramStore merged = GramStore.merge(List.of(a, without, b), temporary.resolve("merged"), backend, Progress.NONE);
        assertEquals(150, merged.tokens());
        assertEquals(130, merged.gradients().tokens(), "of the stores that hold gradients");
        for (String name : projections()) {
            double[] ofA = a.outputWeights(name);
            double[] ofB = b.outputWeights(name);
            double[] sum = merged.outputWeights(name);
            for (int j = 0; j < sum.length; j++) {
                double mean = (90 * ofA[j] + 40 * ofB[j]) / 130;
                assertEquals(mean, sum[j], 1e-14 * mean, name);
            }
        }
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        TokenWindows windows = windows(9, 3);
        whole("a", windows, 0, 2);
        Path folder = temporary.resolve("a");
        assertRefused(
                "a are of other settings: labels is \"model\", here \"text\"; ",
                () -> fill("a", windows, 0, 2, settings(LabelSource.TEXT), Progress.NONE));
        assertRefused("a are of other text: 9 windows of 10 tokens", () -> fill("a", windows(9, 4), 0, 2));
        GramStore left = GramStore.open(folder);
        assertRefused("a: holds gradients of blocks 0 to 3 of 8", () -> left.gradients()
                .requireUsable(MODEL));
        assertRefused(
                "a are of another model (fingerprint fingerprint), not of this one (other)",
                () -> left.gradients().requireUsable("other"));
        GramStore right = whole("b", windows, 1, 2);
        Files.delete(temporary.resolve("b").resolve("gradients.json"));
        assertRefused(
                "gradients of blocks 4 to 7 of 8 are in none",
                () -> GramStore.merge(List.of(left, right), temporary.resolve("m"), backend, Progress.NONE));
        assertRefused("b: no gradients here", right::gradients);
        Files.delete(folder.resolve("gradients-00001.safetensors"));
        assertRefused(
                "gradients-00001.safetensors is missing", () -> left.gradients().requireUsable(MODEL));
        Path description = folder.resolve("gradients.json");
        String sound = Files.readString(description);
        for (String[] change : new String[][] {
            {"\"version\" : 1", "\"version\" : 2"},
            {"\"labels\" : \"model\"", "\"labels\" : \"other\""},
            {"\"clipping\" : 1.5", "\"clipping\" : -1"},
            {"\"seed\" : 42,", ""},
            {"\"end_block\" : 4", "\"end_block\" : 9"},
        }) {
            assertTrue(sound.contains(change[0]), change[0]);
            Files.writeString(description, sound.replace(change[0], change[1]));
            assertRefused("gradients.json: ", left::gradients);
        }
    }

    @Test
    void damagedGradientsAreNoticed() throws IOException {
        GradientStore store = fill("a", windows(3, 3), 0, 1);
        Path file = temporary.resolve("a").resolve("gradients-00000.safetensors");
        byte[] sound = Files.readAllBytes(file);
        Map<Integer, Byte> flips = Map.of(sound.length - 1, (byte) 64, sound.length - 400, (byte) 1);
        flips.forEach((at, bit) -> {
            byte[] damaged = sound.clone();
            damaged[at] ^= bit;
            assertRefused("gradients-00000.safetensors: tensor", () -> {
                Files.write(file, damaged);
                for (ProjectionType type : ProjectionType.values()) {
                    String name = config.projection(0, type).name();
                    store.outputWeights(name);
                    store.outputCovariance(name, backend).close();
                    store.weightGradient(name, backend).close();
                }
            });
        });
    }
}
