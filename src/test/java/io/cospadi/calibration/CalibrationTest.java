package io.cospadi.calibration;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Grams on the processor, and all that a store of them has to withstand. */
class CalibrationTest extends AbstractCalibrationTest {
    @Override
    Backend create() {
        return new CpuBackend(2);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 5, 8})
    void mergedSharesOfAnyCountAreTheBytesOfOneRun(int shards) {
        requireMergedShardsAreTheBytesOfOneRun(shards);
    }

    @Test
    void fewerWindowsThanBlocksWork() {
        TokenWindows windows = windows(3, 2);
        calibrate("whole", windows, 0, 1);
        List<GramStore> parts = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            parts.add(calibrate("shard" + i, windows, i, 8));
        }
        GramStore.merge(parts, temporary.resolve("merged"), backend, Progress.NONE);
        assertEquals(files(temporary.resolve("whole")), files(temporary.resolve("merged")));
    }

    @Test
    void aRunStoppedBetweenLayersResumesToTheSameBytes() {
        TokenWindows windows = windows(9, 3);
        calibrate("whole", windows, 0, 1);
        for (int stopAfter = 1; stopAfter < 9 * layers; stopAfter += 4) {
            Path folder = temporary.resolve("stopped" + stopAfter);
            long stop = stopAfter;
            assertThrows(
                    StopException.class,
                    () -> calibrate(folder.getFileName().toString(), windows, 0, 1, (done, total) -> {
                        if (done == stop) {
                            throw new StopException();
                        }
                    }));
            assertEquals((stopAfter - 1) / 9, GramStore.open(folder).finishedLayers());
            calibrate(folder.getFileName().toString(), windows, 0, 1);
            assertEquals(files(temporary.resolve("whole")), files(folder));
        }
    }

    private static final class StopException extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    @Test
    void aFinishedStoreIsNotComputedAgain() {
        TokenWindows windows = windows(9, 3);
        calibrate("whole", windows, 0, 1);
        calibrate("whole", windows, 0, 1, (done, total) -> {
            throw new AssertionError("work on a finished store");
        });
    }

    @Test
    void memoryStaysBelowWhatWasForetold() {
        TokenWindows windows = windows(17, 3);
        for (long limit : new long[] {0, 5000, 1 << 20}) {
            GramStore store = GramStore.create(
                    temporary.resolve("limit" + limit), GramOrigin.whole(MODEL, backend, layers, windows));
            long[] most = new long[1];
            Calibration.run(
                    weights, windows, store, backend, new CalibrationSettings(limit, temporary), (done, total) -> {
                        most[0] = Math.max(most[0], backend.allocatedBytes());
                    });
            long foretold = Calibration.peakBytes(weights.config(), 17, 10, limit);
            assertTrue(
                    most[0] <= foretold && most[0] > foretold / 2,
                    "allocated " + most[0] + ", foretold " + foretold + " with a limit of " + limit);
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 1", "1, 3", "2, 5", "7, 8"})
    void aStoreTakesTheDiskThatWasForetold(int share, int shares) throws IOException {
        Path folder = temporary.resolve("a");
        long foretold = Calibration.missingBytes(weights.config(), share, shares, folder);
        calibrate("a", windows(9, 3), share, shares);
        long found = 0;
        for (int layer = 0; layer < layers; layer++) {
            found += Files.size(folder.resolve("layer-0000" + layer + ".safetensors"));
        }
        long room = layers * (16L << 10);
        assertTrue(found <= foretold && found > foretold - room, "took " + found + ", foretold " + foretold);
        assertEquals(0, Calibration.missingBytes(weights.config(), share, shares, folder));
        Files.delete(folder.resolve("layer-00000.safetensors"));
        assertEquals(foretold / layers, Calibration.missingBytes(weights.config(), share, shares, folder));
    }

    @Test
    void hiddenStatesThatCanNotBeSpilledAreAnError() {
        TokenWindows windows = windows(9, 3);
        GramStore store = GramStore.create(temporary.resolve("a"), GramOrigin.whole(MODEL, backend, layers, windows));
        CalibrationSettings settings = new CalibrationSettings(0, temporary.resolve("missing"));
        assertRefused(
                "the temporary file for activations in " + temporary.resolve("missing"),
                () -> Calibration.run(weights, windows, store, backend, settings, Progress.NONE));
    }

    @Test
    void twoRunsDoNotFillOneStore() {
        TokenWindows windows = windows(9, 3);
        assertRefused(
                "store.json: another run is filling this store",
                () -> calibrate("a", windows, 0, 1, (done, total) -> calibrate("a", windows, 0, 1)));
        calibrate("a", windows, 0, 1);
    }

    @Test
    void aFolderOfSomethingElseIsNotFilled() throws IOException {
        Path folder = Files.createDirectory(temporary.resolve("a"));
        Files.writeString(folder.resolve(".store.json.killed.tmp"), "x");
        GramStore.requireFree(folder);
        Files.writeString(folder.resolve("thesis.txt"), "mine");
        assertRefused("a holds thesis.txt and is no Gram store", () -> calibrate("a", windows(9, 3), 0, 1));
        GramStore whole = calibrate("b", windows(9, 3), 0, 1);
        assertRefused("a holds thesis.txt", () -> GramStore.merge(List.of(whole), folder, backend, Progress.NONE));
        Files.writeString(whole.folder().resolve("notes.txt"), "of this store");
        calibrate("b", windows(9, 3), 0, 1);
    }

    @Test
    void storesOfDifferentDataAddUp() {
        GramStore a = calibrate("a", windows(9, 3), 0, 1);
        GramStore b = calibrate("b", windows(4, 4), 0, 1);
        GramStore merged = GramStore.merge(List.of(a, b), temporary.resolve("merged"), backend, Progress.NONE);
        assertEquals(130, merged.tokens());
        String site = "model.layers.1.mlp_hidden";
        try (Matrix ga = a.gram(site, backend);
                Matrix gb = b.gram(site, backend);
                Matrix sum = merged.gram(site, backend)) {
            backend.axpy(1, gb, ga);
            assertArrayEquals(backend.readDoubles(ga), backend.readDoubles(sum));
        }
        assertRefused(
                "its data (SHA-256",
                () -> GramStore.merge(List.of(a, merged), temporary.resolve("twice"), backend, Progress.NONE));
    }

    @Test
    void aStoreOfSomethingElseIsNotContinued() {
        TokenWindows windows = windows(9, 3);
        calibrate("a", windows, 0, 1);
        Path folder = temporary.resolve("a");
        assertRefused(
                "a is of another model (fingerprint fingerprint), not of this one (other); choose another folder",
                () -> GramStore.create(folder, GramOrigin.whole("other", backend, layers, windows)));
        assertRefused(
                "a is of other text: 9 windows of 10 tokens with SHA-256 ",
                () -> GramStore.create(folder, GramOrigin.whole(MODEL, backend, layers, windows(9, 4))));
        assertRefused(
                "a is of another share: blocks 0 to 7 of 8, here blocks 0 to 3 of 8; ",
                () -> GramStore.create(folder, GramOrigin.shard(MODEL, backend, layers, windows, 0, 2)));
        assertRefused(
                "a is of another model (fingerprint fingerprint), not of this one (other); calibrate",
                () -> GramStore.open(folder).requireUsable("other"));
    }

    @Test
    void anIncompleteStoreSaysWhatIsMissing() throws IOException {
        TokenWindows windows = windows(9, 3);
        GramStore left = calibrate("left", windows, 0, 4);
        GramStore right = calibrate("right", windows, 3, 4);
        assertRefused("left: holds Grams of blocks 0 to 1 of 8", () -> left.requireUsable(MODEL));
        assertRefused(
                "Grams of blocks 2 to 5 of 8 are in none",
                () -> GramStore.merge(List.of(right, left), temporary.resolve("m"), backend, Progress.NONE));
        assertRefused(
                "Grams of blocks 2 to 7 of 8 are in none",
                () -> GramStore.merge(List.of(left), temporary.resolve("m"), backend, Progress.NONE));
        assertRefused(
                "Grams of blocks 0 to 1 are in another store too",
                () -> GramStore.merge(List.of(left, left), temporary.resolve("m"), backend, Progress.NONE));
        Files.delete(temporary.resolve("left").resolve("layer-00001.safetensors"));
        assertRefused("layer-00001.safetensors is missing", () -> left.requireUsable(MODEL));
        assertRefused("no Grams here", () -> GramStore.open(temporary.resolve("nowhere")));
    }

    @Test
    void everyDamagedByteOfALayerIsNoticed() throws IOException {
        TokenWindows windows = windows(3, 3);
        GramStore store = calibrate("a", windows, 0, 1);
        Path file = temporary.resolve("a").resolve("layer-00000.safetensors");
        byte[] sound = Files.readAllBytes(file);
        Random random = new Random(5);
        for (int i = 0; i < 60; i++) {
            byte[] damaged = sound.clone();
            int at = i < 30 ? random.nextInt(900) : random.nextInt(sound.length);
            damaged[at] ^= (byte) (1 << random.nextInt(8));
            if (isInsignificant(sound, at)) {
                continue;
            }
            Files.write(file, damaged);
            CospadiException noticed = assertThrows(
                    CospadiException.class,
                    () -> {
                        for (String site : List.of("attn_in", "attn_out", "mlp_in", "mlp_hidden")) {
                            store.gram("model.layers.0." + site, backend).close();
                        }
                    },
                    "byte " + at + " changed unnoticed");
            assertTrue(noticed.getMessage().contains("layer-00000.safetensors"), noticed.getMessage());
        }
    }

    /** Padding of the header: a space that becomes another JSON white space changes nothing. */
    private static boolean isInsignificant(byte[] file, int at) {
        return file[at] == ' ';
    }

    @Test
    void aLayerOfAnotherStoreIsNotTaken() throws IOException {
        calibrate("a", windows(9, 3), 0, 1);
        GramStore b = calibrate("b", windows(9, 4), 0, 1);
        String name = "layer-00001.safetensors";
        Files.copy(
                temporary.resolve("a").resolve(name),
                temporary.resolve("b").resolve(name),
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        assertRefused(name + ": origin is", () -> b.gram("model.layers.1.attn_in", backend));
    }

    @Test
    void brokenDescriptionsAreRefused() throws IOException {
        TokenWindows windows = windows(9, 3);
        calibrate("a", windows, 0, 1);
        Path file = temporary.resolve("a").resolve("store.json");
        String sound = Files.readString(file);
        for (String[] change : new String[][] {
            {"\"version\" : 1", "\"version\" : 2"},
            {"cospadi-grams", "other"},
            {"\"end_block\" : 8", "\"end_block\" : 9"},
            {"\"layers\" : " + layers, "\"layers\" : \"x\""},
            {"\"window_length\" : 10", "\"window_length\" : -1"},
            {"\"layers\" : " + layers + ",", ""},
        }) {
            assertTrue(sound.contains(change[0]), change[0]);
            Files.writeString(file, sound.replace(change[0], change[1]), StandardCharsets.UTF_8);
            assertRefused("store.json: ", () -> GramStore.open(temporary.resolve("a")));
        }
    }

    @Test
    void theFingerprintDependsOnEveryWeightAndNotOnTheFolder() throws IOException {
        Path copy = Files.createDirectory(temporary.resolve("copy"));
        for (String name : List.of("config.json", "model.safetensors")) {
            Files.copy(fixture.folder().resolve(name), copy.resolve(name));
        }
        String fingerprint = fingerprint(fixture.folder());
        assertEquals(fingerprint, fingerprint(copy));
        byte[] model = Files.readAllBytes(copy.resolve("model.safetensors"));
        model[model.length - 1] ^= 1;
        Files.write(copy.resolve("model.safetensors"), model);
        assertTrue(!fingerprint.equals(fingerprint(copy)), "a changed bit gives another fingerprint");
    }

    private static String fingerprint(Path folder) {
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            return ModelFingerprint.of(checkpoint, Progress.NONE).sha256();
        }
    }

    private static void assertRefused(String message, org.junit.jupiter.api.function.Executable action) {
        CospadiException refused = assertThrows(CospadiException.class, action);
        assertTrue(refused.getMessage().contains(message), refused.getMessage());
    }
}
