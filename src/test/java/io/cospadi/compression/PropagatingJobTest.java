package io.cospadi.compression;

import static io.cospadi.compression.AbstractCompressionJobTest.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.calibration.TokenWindows;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.decoder.Decoder;
import io.cospadi.decoder.LayerwisePass;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.SiteListener;
import io.cospadi.format.ModelFolder;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Jobs whose projections follow what the compressed ones before them put out. */
class PropagatingJobTest {
    private static final String UNIFORM = "budget: uniform\nmethod: svd-llm\n";

    @TempDir
    Path folder;

    private TinyJob job;
    private Backend backend;

    @BeforeEach
    void open() {
        backend = new CpuBackend(1);
        job = TinyJob.in(folder);
    }

    @AfterEach
    void close() {
        assertEquals(0, backend.allocatedBytes(), "matrices left behind");
        backend.close();
    }

    private void run(String more, String out) {
        job.run(recipe(more), out, backend);
    }

    /** Enough to lose that the layers behind notice. */
    private static Recipe recipe(String more) {
        String rounds = more.contains("svd") ? "" : "rounds: 3\n";
        return RecipeDocument.parse("ratio: 0.5\nwindows: 16\nwindow: 16\n" + rounds + more, "tiny")
                .recipe();
    }

    /** Stored bytes of the projections' factors, by tensor. */
    private Map<String, ByteBuffer> tensors(String out) {
        Map<String, ByteBuffer> tensors = new TreeMap<>();
        try (Checkpoint checkpoint = Checkpoint.open(job.out(out))) {
            for (StoredTensor tensor : checkpoint.tensors().values()) {
                ByteBuffer bytes = ByteBuffer.allocate((int) tensor.bytes());
                tensors.put(
                        tensor.name(),
                        bytes.put(checkpoint.map(tensor, 0, tensor.rows())).flip());
            }
        }
        return tensors;
    }

    @Test
    void projectionsWithNothingBeforeThemAreThoseOfDensePropagation() {
        run(UNIFORM, "dense");
        Map<String, ByteBuffer> dense = tensors("dense");
        for (String propagation : List.of("inputs", "compressed")) {
            run(UNIFORM + "propagate: " + propagation + "\n", propagation);
            Map<String, ByteBuffer> found = tensors(propagation);
            assertEquals(dense.keySet(), found.keySet());
            Set<String> changed = new LinkedHashSet<>();
            found.forEach((name, bytes) -> {
                if (!bytes.equals(dense.get(name))) {
                    changed.add(name.replaceAll("_proj.*", ""));
                }
            });
            assertEquals(
                    Set.of("0.self_attn.o", "0.mlp.gate", "0.mlp.up", "0.mlp.down"),
                    except(changed, "model.layers.", "1."),
                    "of layer 0, " + propagation);
            assertEquals(7, changed.size() - 4, "all of layer 1, " + propagation);
        }
        assertNotEquals(tensors("inputs"), tensors("compressed"));
    }

    private static Set<String> except(Set<String> names, String prefix, String dropped) {
        Set<String> kept = new LinkedHashSet<>();
        for (String name : names) {
            String rest = name.substring(prefix.length());
            if (!rest.startsWith(dropped)) {
                kept.add(rest);
            }
        }
        return kept;
    }

    /** What the last layer puts out on the calibration windows, all of them. */
    private double[] output(Path model) {
        int[] ids = Stream.of(read(job.data()).replaceAll("[\\[\\] ]", "").split(","))
                .mapToInt(Integer::parseInt)
                .toArray();
        List<int[]> windows = TokenWindows.cut(ids, new io.cospadi.calibration.WindowSettings(16, 16, false, 0))
                .windows();
        List<Double> values = new ArrayList<>();
        try (ModelWeights weights = ModelFolder.open(model);
                Decoder decoder = new Decoder(weights, backend);
                LayerwisePass pass = new LayerwisePass(decoder, windows, 1 << 20, folder)) {
            while (pass.nextLayer() < weights.config().layers()) {
                pass.advance(window -> SiteListener.NONE, Progress.NONE);
            }
            for (int window = 0; window < windows.size(); window++) {
                for (float value : backend.readFloats(pass.hidden(window))) {
                    values.add((double) value);
                }
            }
        }
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private double error(String out) {
        double[] expected = output(job.model());
        double[] found = output(job.out(out));
        double lost = 0;
        double energy = 0;
        for (int i = 0; i < expected.length; i++) {
            lost += (expected[i] - found[i]) * (expected[i] - found[i]);
            energy += expected[i] * expected[i];
        }
        return lost / energy;
    }

    @Test
    void correctedLayersEndNearerToTheDenseModelOnTheCalibrationText() {
        for (String method : List.of(UNIFORM, "budget: uniform\n")) {
            String name = method.contains("svd") ? "svd" : "cospadi";
            run(method, name);
            run(method + "propagate: compressed\n", name + "-compressed");
            double independent = error(name);
            double corrected = error(name + "-compressed");
            assertTrue(corrected < 0.98 * independent, method + ": " + corrected + " against " + independent);
        }
    }

    @Test
    void damagedPartOfAnEarlyLayerIsMadeAgainWithItsBytesAndLaterOnesStay() throws IOException {
        Recipe recipe = recipe(UNIFORM + "propagate: compressed\n");
        job.run(recipe, "whole", backend);
        Path parts = job.out("out.work").resolve("parts");
        assertThrows(
                StoppedException.class,
                () -> job.run(recipe, job.places("out", false), backend, JobListener.NONE, () -> {
                    String[] names = parts.toFile().list((dir, name) -> name.endsWith(".safetensors"));
                    return names != null && names.length >= 10;
                }));
        List<Path> made;
        try (Stream<Path> files = Files.list(parts)) {
            made = files.sorted().toList();
        }
        Path damaged = made.stream()
                .filter(file -> file.getFileName().toString().contains("layers.0.mlp.gate"))
                .findFirst()
                .orElseThrow();
        Object kept = Files.getLastModifiedTime(made.get(made.size() - 1));
        byte[] bytes = Files.readAllBytes(damaged);
        bytes[bytes.length - 1] ^= 1;
        Files.write(damaged, bytes);
        List<String> doing = new ArrayList<>();
        JobListener listener = new JobListener() {
            @Override
            public void progress(String what, double fraction, double secondsLeft) {
                doing.add(what);
                if (Files.exists(made.get(made.size() - 1))) {
                    try {
                        assertEquals(kept, Files.getLastModifiedTime(made.get(made.size() - 1)), "it was sound");
                    } catch (IOException e) {
                        throw new IllegalStateException(e);
                    }
                }
            }
        };
        job.run(recipe, job.places("out", false), backend, listener, () -> false);
        assertEquals(TinyJob.contents(job.out("whole")), TinyJob.contents(job.out("out")));
        assertTrue(doing.contains("adding up the inputs model.layers.0.mlp_in"), doing.toString());
        assertFalse(doing.contains("adding up the inputs model.layers.0.attn_in"), "nothing is missing there");
        assertTrue(doing.contains("running the attention of layer 1"), doing.toString());
    }

    @Test
    void storeOfGramsAloneIsRefused() {
        JobPlaces places =
                new JobPlaces(job.model(), job.out("out"), List.of(), Optional.of(job.out("stats")), false, false);
        Recipe recipe = recipe("propagate: compressed\n");
        assertRefused(
                "give --data instead of --stats",
                () -> job.run(recipe, places, backend, JobListener.NONE, () -> false));
        assertFalse(Files.exists(job.out("out.work")), "nothing was begun");
    }

    @Test
    void whatDividesAJobIsRefused() {
        for (String propagation : List.of("inputs", "compressed")) {
            Recipe recipe = recipe("propagate: " + propagation + "\n");
            JobPlaces places =
                    new JobPlaces(job.model(), job.out("out"), List.of(), Optional.of(job.out("stats")), false, false);
            assertRefused("goes layer by layer", () -> DividedJob.requireDividable(recipe, places));
            assertRefused("can't be divided", () -> CompressionJob.requireTasks(recipe));
        }
        assertRefused(
                "is dense where projections share a dictionary", () -> recipe("share: 2\npropagate: compressed\n"));
    }

    @Test
    void anotherPropagationIsAnotherJob() {
        run(UNIFORM, "out");
        assertRefused(
                "its propagate is dense, here it is compressed", () -> run(UNIFORM + "propagate: compressed\n", "out"));
    }

    @Test
    void planCountsThePassesItTakes() {
        try (Checkpoint model = Checkpoint.open(job.model())) {
            Plan dense = Plan.of(model, recipe(UNIFORM), true, 1, 0);
            Plan inputs = Plan.of(model, recipe(UNIFORM + "propagate: inputs\n"), true, 1, 0);
            Plan compressed = Plan.of(model, recipe(UNIFORM + "propagate: compressed\n"), true, 1, 0);
            assertEquals(0, dense.time().propagationSeconds());
            assertTrue(inputs.time().propagationSeconds() > 0);
            assertTrue(compressed.time().propagationSeconds() > inputs.time().propagationSeconds());
            assertEquals(
                    dense.time().seconds() + compressed.time().propagationSeconds(),
                    compressed.time().seconds(),
                    1e-9);
            assertTrue(
                    compressed.peakMemory().factorization() > dense.peakMemory().factorization());
        }
    }
}
