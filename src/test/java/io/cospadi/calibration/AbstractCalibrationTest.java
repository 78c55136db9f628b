package io.cospadi.calibration;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.decoder.DecoderFixture;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.PlainDecoder;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Grams by a backend, against plain loops over a plain forward pass. */
abstract class AbstractCalibrationTest {
    static final String MODEL = "fingerprint";

    final DecoderFixture fixture = DecoderFixture.named("qwen3");
    Backend backend;
    ModelWeights weights;
    int layers;

    @TempDir
    Path temporary;

    abstract Backend create();

    @BeforeEach
    void open() {
        backend = create();
        weights = fixture.open();
        layers = weights.config().layers();
    }

    @AfterEach
    void close() {
        if (backend == null) {
            return; // create() skipped the test
        }
        weights.close();
        assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
        backend.close();
    }

    TokenWindows windows(int count, long seed) {
        Random random = new Random(seed);
        int[] tokens = random.ints(count * 10L, 0, weights.config().vocabSize()).toArray();
        return TokenWindows.cut(tokens, new WindowSettings(count, 10, false, 0));
    }

    GramStore calibrate(String name, TokenWindows windows, int shard, int shards) {
        return calibrate(name, windows, shard, shards, Progress.NONE);
    }

    GramStore calibrate(String name, TokenWindows windows, int shard, int shards, Progress progress) {
        GramStore store = GramStore.create(
                temporary.resolve(name), GramOrigin.shard(MODEL, backend, layers, windows, shard, shards));
        Calibration.run(weights, windows, store, backend, new CalibrationSettings(1 << 20, temporary), progress);
        return store;
    }

    static SortedMap<String, ByteBuffer> files(Path folder) {
        SortedMap<String, ByteBuffer> files = new TreeMap<>();
        try (Stream<Path> list = Files.list(folder)) {
            for (Path file : list.toList()) {
                files.put(file.getFileName().toString(), ByteBuffer.wrap(Files.readAllBytes(file)));
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return files;
    }

    @Test
    void gramsEqualPlainLoopsOverAPlainForwardPass() {
        TokenWindows windows = windows(11, 1);
        SortedMap<String, double[][]> expected = new TreeMap<>();
        PlainDecoder plain = new PlainDecoder(fixture.folder());
        for (int[] window : windows.windows()) {
            plain.logits(window, (site, x) -> {
                double[][] gram = expected.computeIfAbsent(site, s -> new double[x[0].length][x[0].length]);
                for (double[] row : x) {
                    for (int i = 0; i < row.length; i++) {
                        for (int j = 0; j < row.length; j++) {
                            gram[i][j] += row[i] * row[j];
                        }
                    }
                }
            });
        }
        GramStore store = calibrate("grams", windows, 0, 1);
        assertEquals(110, store.tokens());
        assertEquals(4 * layers, expected.size());
        expected.forEach((site, gram) -> {
            try (Matrix found = store.gram(site, backend)) {
                double[] values = backend.readDoubles(found);
                int d = gram.length;
                double trace = 0;
                for (int i = 0; i < d; i++) {
                    trace += gram[i][i];
                }
                // the activations are f32 there and f64 here; the sums are f64 in both, or there f32's of 10 tokens,
                // off by
                // 30 of its roundings at most, 2e-6 of the geometric mean of two diagonal elements
                double allowed = 1e-5 * trace / d;
                for (int i = 0; i < d; i++) {
                    for (int j = 0; j < d; j++) {
                        assertEquals(gram[i][j], values[i * d + j], allowed, site + " at " + i + ", " + j);
                        assertEquals(values[j * d + i], values[i * d + j], site + " is symmetric");
                    }
                }
            }
        });
    }

    @Test
    void mergedShardsAreTheBytesOfOneRun() {
        requireMergedShardsAreTheBytesOfOneRun(3);
    }

    void requireMergedShardsAreTheBytesOfOneRun(int shards) {
        TokenWindows windows = windows(13, 2);
        calibrate("whole", windows, 0, 1);
        List<GramStore> parts = new ArrayList<>();
        for (int i = shards - 1; i >= 0; i--) {
            parts.add(calibrate("shard" + i, windows, i, shards));
        }
        assertEquals(130, parts.stream().mapToLong(GramStore::tokens).sum());
        GramStore.merge(parts, temporary.resolve("merged"), backend, Progress.NONE);
        assertEquals(files(temporary.resolve("whole")), files(temporary.resolve("merged")));
    }
}
