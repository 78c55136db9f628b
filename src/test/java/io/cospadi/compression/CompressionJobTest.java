package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.calibration.GradientSettings;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.format.Verifier;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Jobs on the processor, every kind of recipe, and all that can go wrong around them. */
class CompressionJobTest extends AbstractCompressionJobTest {
    @Override
    Backend create() {
        return new CpuBackend(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "budget: uniform\n",
                "budget: uniform\nobjective: loss\n",
                "objective: output\n",
                "solver: mod\n",
                "method: svd-llm\n",
                "method: compot\n",
                "method: kfac-svd\n",
                "output-covariance: full\n",
                "output-shrinkage: 0.2\n",
                "method: kfac-svd\nbudget: uniform\n",
                "method: zero-sum-svd\n",
                "method: zero-sum-svd\nbudget: uniform\n",
                "budget: pooled\n",
                "value-bits: 8\n",
                "value-bits: 4\ndictionary-bits: 8\ngroup-size: 5\n",
                "dictionary-bits: 4\nbudget: uniform\nsolver: ksvd\n",
                "method: compot\nvalue-bits: 3\ndictionary-bits: 4\n",
                "groups: '2:4'\n",
                "groups: '2:4'\nmethod: compot\nbudget: uniform\n",
                "groups: '8:16'\nshare: 2\nvalue-bits: 4\n",
                "propagate: compressed\n",
                "propagate: inputs\nbudget: uniform\noverrides: [{pattern: v_proj, dense: true}]\n",
                "method: gptq\npropagate: compressed\ninclude: ['layers.1.*']\n",
                "method: rtn\n",
                "method: gptq\ngroup-size: 12\noverrides: [{pattern: v_proj, ratio: 0.6}]\n",
                "share: 2\nvalue-bits: 6\ndictionary-bits: 6\n",
                "budget: uniform\noverrides: [{pattern: v_proj, dense: true}, {pattern: 'layers.1.*', ratio: 0.4}]\n",
                "exclude: ['layers.0.*']\n"
            })
    void outputIsSoundAndMeetsTheRatio(String more) {
        JobResult result = job.run(TinyJob.recipe(more), "out", backend);
        Verifier.Summary summary = Verifier.verify(job.out("out"), Progress.NONE);
        assertEquals(result.report().ratio().projections(), summary.sizes().ratioProjections());
        if (!more.contains("overrides")) {
            assertTrue(summary.sizes().ratioProjections() >= 0.2, summary.toString());
        }
        long bytes = result.report().bytes().stream()
                .mapToLong(RunReport.ByteShare::bytes)
                .sum();
        assertEquals(summary.sizes().fileBytes(), bytes, "the report accounts for every byte");
        assertFalse(Files.exists(job.out("out.work")), "the work folder is gone");
    }

    @Test
    void masksInGroupsAreNamedWhereTheyAreReadFrom() throws IOException {
        RunReport report =
                job.run(TinyJob.recipe("groups: '2:4'\n"), "out", backend).report();
        assertEquals("2:4", report.run().groups());
        assertTrue(
                Files.readString(job.out("out").resolve("config.json")).matches("(?s).*\"mask_groups\" ?: \"2:4\".*"));
        assertTrue(report.projections().stream().anyMatch(p -> p.k() != null));
        report.projections().forEach(p -> assertTrue(p.k() == null || p.k() % 4 == 0, p.toString()));
        assertThrows(CospadiException.class, () -> job.run(TinyJob.recipe(""), "out", backend));
    }

    @Test
    void reportForeseesTheLossWhereTheBudgetFollowsIt() {
        RunReport report = job.run(TinyJob.recipe(""), "out", backend).report();
        assertTrue(
                report.predictedLoss().getAsDouble() > 0, report.predictedLoss().toString());
        for (RunReport.ProjectionResult p : report.projections()) {
            assertEquals(p.k() == null, p.predictedLoss() == 0, p.toString());
            assertTrue(p.k() == null || p.ratio() > 0, p.toString());
        }
        assertTrue(job.run(TinyJob.recipe("budget: pooled\n"), "pooled", backend)
                .report()
                .predictedLoss()
                .isEmpty());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "value-bits: 4\ndictionary-bits: 8\n",
                "budget: pooled\n",
                "method: zero-sum-svd\n",
                "propagate: compressed\n",
                "method: svd-llm\npropagate: inputs\n"
            })
    void stoppedAtAnyMomentAndResumedGivesTheSameBytes(String more) {
        job.run(TinyJob.recipe(more), "whole", backend);
        TreeMap<String, String> expected = TinyJob.contents(job.out("whole"));
        int stops = 0;
        boolean done = false;
        // each run gets one step farther than the last one before it is stopped
        for (int patience = 1; !done; patience += 1 + patience / 12) {
            AtomicInteger left = new AtomicInteger(patience);
            try {
                job.run(
                        TinyJob.recipe(more),
                        job.places("parts", false),
                        backend,
                        JobListener.NONE,
                        () -> left.getAndDecrement() <= 0);
                done = true;
            } catch (StoppedException e) {
                stops++;
                assertFalse(Files.exists(job.out("parts")), "nothing appears before all is done");
            }
        }
        assertTrue(stops > 10, stops + " stops");
        assertEquals(expected, TinyJob.contents(job.out("parts")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "budget: pooled\n", "method: zero-sum-svd\n"})
    void whatIsKnownForTheBudgetIsNotWeighedAgain(String more) throws IOException {
        Path weighed = job.out("out.work").resolve("weighed");
        stopWhenThereAre(2, weighed, ".json", more);
        Map<Path, Object> first = filesOf(weighed);
        stopWhenThereAre(3, weighed, ".json", more);
        Map<Path, Object> then = filesOf(weighed);
        assertEquals(List.of(2, 3), List.of(first.size(), then.size()));
        assertTrue(then.entrySet().containsAll(first.entrySet()), first + " became " + then);
    }

    /** Which file, in the sense of the file system, each name stands for. */
    private static Map<Path, Object> filesOf(Path folder) throws IOException {
        Map<Path, Object> files = new TreeMap<>();
        try (Stream<Path> names = Files.list(folder)) {
            for (Path name : (Iterable<Path>) names::iterator) {
                files.put(
                        name,
                        Files.readAttributes(name, BasicFileAttributes.class).fileKey());
            }
        }
        return files;
    }

    @Test
    void completeOutputIsLeftAloneAndAnotherRecipeIsRefused() throws IOException {
        job.run(TinyJob.recipe(""), "out", backend);
        Object written = Files.getLastModifiedTime(job.out("out").resolve("model.safetensors"));
        assertTrue(job.run(TinyJob.recipe(""), "out", backend).alreadyComplete());
        assertEquals(written, Files.getLastModifiedTime(job.out("out").resolve("model.safetensors")));
        CospadiException refused =
                assertThrows(CospadiException.class, () -> job.run(TinyJob.recipe("seed: 7\n"), "out", backend));
        assertTrue(refused.getMessage().contains("its seed is 42, here it is 7"), refused.getMessage());
    }

    @Test
    void forceReplacesOnlyAtTheEnd() throws IOException {
        Files.createDirectories(job.out("out"));
        Files.writeString(job.out("out").resolve("precious.txt"), "keep me");
        assertThrows(CospadiException.class, () -> job.run(TinyJob.recipe(""), "out", backend));
        AtomicInteger left = new AtomicInteger(40);
        assertThrows(
                StoppedException.class,
                () -> job.run(
                        TinyJob.recipe(""),
                        job.places("out", true),
                        backend,
                        JobListener.NONE,
                        () -> left.getAndDecrement() <= 0));
        assertEquals("keep me", Files.readString(job.out("out").resolve("precious.txt")));
        job.run(TinyJob.recipe(""), job.places("out", true), backend, JobListener.NONE, () -> false);
        assertFalse(Files.exists(job.out("out").resolve("precious.txt")));
        Verifier.verify(job.out("out"), Progress.NONE);
    }

    @Test
    void whatWasMovedAsideComesBackAfterACrashBetweenTheRenames() throws IOException {
        job.run(TinyJob.recipe(""), "out", backend);
        TreeMap<String, String> first = TinyJob.contents(job.out("out"));
        stopAfter(40, TinyJob.recipe("seed: 7\n"), job.places("out", true));
        Files.move(job.out("out"), job.out("out.work").resolve("replaced"));
        CospadiException refused =
                assertThrows(CospadiException.class, () -> job.run(TinyJob.recipe("seed: 7\n"), "out", backend));
        assertTrue(refused.getMessage().contains("--force"), refused.getMessage());
        assertEquals(first, TinyJob.contents(job.out("out")));
    }

    @Test
    void unfinishedWorkOfAnotherJobIsRefusedByTheFieldThatDiffers() throws IOException {
        stopAfter(60, TinyJob.recipe(""), job.places("out", false));
        assertRefused(
                "its ratio is 0.2, here it is 0.3",
                () -> job.run(
                        RecipeDocument.parse("ratio: 0.3\nwindows: 8\nwindow: 16\nrounds: 3\n", "tiny")
                                .recipe(),
                        "out",
                        backend));
        assertRefused("its rounds is 3, here it is 4", () -> job.run(withRounds(4), "out", backend));
        job.write("data.json", Files.readString(job.data()).replaceFirst("\\[\\d+", "[1"));
        assertRefused("its data is", () -> job.run(TinyJob.recipe(""), "out", backend));
    }

    private static Recipe withRounds(int rounds) {
        return RecipeDocument.parse("ratio: 0.2\nwindows: 8\nwindow: 16\nrounds: " + rounds + "\n", "tiny")
                .recipe();
    }

    @Test
    void damagedPartIsComputedAgainAloud() throws IOException {
        job.run(TinyJob.recipe(""), "whole", backend);
        List<String> warnings = new ArrayList<>();
        JobListener listener = new JobListener() {
            @Override
            public void warning(String line) {
                warnings.add(line);
            }
        };
        Path part = stopWhenPartsExist(3);
        byte[] bytes = Files.readAllBytes(part);
        bytes[bytes.length - 1] ^= 1;
        Files.write(part, bytes);
        job.run(TinyJob.recipe(""), job.places("out", false), backend, listener, () -> false);
        assertTrue(
                warnings.stream().anyMatch(line -> line.contains("is computed again") && line.contains("sha256")),
                warnings.toString());
        assertEquals(TinyJob.contents(job.out("whole")), TinyJob.contents(job.out("out")));
    }

    private Path stopWhenPartsExist(int count) throws IOException {
        Path parts = job.out("out.work").resolve("parts");
        stopWhenThereAre(count, parts, ".safetensors", "");
        try (Stream<Path> files = Files.list(parts)) {
            return files.sorted().findFirst().orElseThrow();
        }
    }

    private void stopWhenThereAre(int count, Path folder, String ending, String more) {
        assertThrows(
                StoppedException.class,
                () -> job.run(TinyJob.recipe(more), job.places("out", false), backend, JobListener.NONE, () -> {
                    String[] names = folder.toFile().list((dir, name) -> name.endsWith(ending));
                    return names != null && names.length >= count;
                }));
    }

    @Test
    void folderThatIsNotOursIsNeitherFilledNorRemoved() throws IOException {
        Files.createDirectories(job.out("out.work"));
        Files.writeString(job.out("out.work").resolve("thesis.tex"), "years of work");
        assertRefused("thesis.tex", () -> job.run(TinyJob.recipe(""), "out", backend));
        assertEquals("years of work", Files.readString(job.out("out.work").resolve("thesis.tex")));
    }

    @Test
    void secondRunOnTheSameOutputIsRefusedWhileTheFirstIsAtWork() {
        List<String> refusals = new ArrayList<>();
        JobListener intruder = new JobListener() {
            @Override
            public void progress(String doing, double fraction, double secondsLeft) {
                if (refusals.isEmpty()) {
                    refusals.add(assertThrows(CospadiException.class, () -> job.run(TinyJob.recipe(""), "out", backend))
                            .getMessage());
                }
            }
        };
        job.run(TinyJob.recipe(""), job.places("out", false), backend, intruder, () -> false);
        assertTrue(refusals.get(0).contains("in use by another run"), refusals.get(0));
    }

    @Test
    void unwritablePlaceIsNamed() throws IOException {
        Path locked = Files.createDirectories(folder.resolve("locked"));
        assumeTrue(locked.toFile().setWritable(false) && !Files.isWritable(locked), "needs a user who is not root");
        try {
            assertRefused("locked", () -> job.run(TinyJob.recipe(""), "locked/out", backend));
        } finally {
            locked.toFile().setWritable(true);
        }
    }

    @Test
    void outputBelowAFileOrInTheModelIsRefused() {
        job.write("file", "");
        assertRefused("file", () -> job.run(TinyJob.recipe(""), "file/out", backend));
        assertRefused("lie in each other", () -> job.run(TinyJob.recipe(""), "model/out", backend));
        assertRefused("lie in each other", () -> job.run(TinyJob.recipe(""), "model", backend));
    }

    @Test
    void faultsOfTheDataAreFoundBeforeAnyCompute() {
        job.write("data.json", "[1, 2, 999]");
        assertRefused("999", () -> job.run(TinyJob.recipe(""), "out", backend));
        job.write("data.json", "[1, 2, 3]");
        assertRefused("window of 16", () -> job.run(TinyJob.recipe(""), "out", backend));
        assertRefused("matches no projection", () -> job.run(TinyJob.recipe("include: [q_prjo]\n"), "out", backend));
        assertFalse(Files.exists(job.out("out.work")), "nothing was begun");
    }

    @Test
    void compactFolderIsNotCompressedAgain() {
        job.run(TinyJob.recipe(""), "out", backend);
        JobPlaces places = new JobPlaces(
                job.out("out"), job.out("twice"), List.of(job.data()), java.util.Optional.empty(), false, false);
        assertRefused(
                "compact folder already",
                () -> job.run(TinyJob.recipe(""), places, backend, JobListener.NONE, () -> false));
    }

    @Test
    void storeWithoutGradientsIsRefusedWhereTheJobFollowsTheLoss() {
        WindowSettings windows = new WindowSettings(8, 16, false, 42);
        new CalibrationJob(job.model(), List.of(job.data()), job.out("stats"), windows, Optional.empty())
                .run(Share.WHOLE, backend, JobListener.NONE, task -> Progress.NONE, () -> false);
        JobPlaces places =
                new JobPlaces(job.model(), job.out("out"), List.of(), Optional.of(job.out("stats")), false, false);
        for (String more : List.of("", "budget: uniform\nobjective: loss\n", "method: compot\n")) {
            assertRefused(
                    "holds Grams but no gradients",
                    () -> job.run(TinyJob.recipe(more), places, backend, JobListener.NONE, () -> false));
        }
        assertFalse(Files.exists(job.out("out.work")), "nothing was begun");
        job.run(TinyJob.recipe("budget: uniform\n"), places, backend, JobListener.NONE, () -> false);
        assertTrue(Files.exists(job.out("out")));
    }

    /** One store for all methods: what it lacks is refused, or made up for aloud. */
    @Test
    void storeThatKeepsLessThanAMethodWantsIsRefusedOrSaidAloud() {
        Path plain = calibrated("plain", GradientSettings.DEFAULT);
        String zeroSum = "ratio: 0.2\nmethod: zero-sum-svd\n";
        assertRefused(
                "--weight-gradients",
                () -> job.run(parsed(zeroSum), stats(plain, "refused"), backend, JobListener.NONE, () -> false));
        Path text = calibrated("text", GradientSettings.DEFAULT.withWeightsOfText());
        job.run(parsed(zeroSum), stats(text, "zero-sum"), backend, JobListener.NONE, () -> false);
        Recipe kfac = parsed("ratio: 0.2\nmethod: kfac-svd\n");
        assertEquals(
                1,
                job.run(kfac, stats(plain, "diagonal"), backend, JobListener.NONE, () -> false)
                        .report()
                        .warnings()
                        .size());
        Path full = calibrated("full", GradientSettings.DEFAULT.withFullCovariance());
        assertEquals(
                List.of(),
                job.run(kfac, stats(full, "full-covariance"), backend, JobListener.NONE, () -> false)
                        .report()
                        .warnings());
        Recipe block = parsed("ratio: 0.2\noutput-covariance: full\nrounds: 3\n");
        assertRefused(
                "calibrate with --output-covariance full",
                () -> job.run(block, stats(plain, "refused"), backend, JobListener.NONE, () -> false));
        job.run(block, stats(full, "block"), backend, JobListener.NONE, () -> false);
        assertNotEquals(
                TinyJob.contents(job.out("diagonal")).get("model.safetensors"),
                TinyJob.contents(job.out("full-covariance")).get("model.safetensors"));
    }

    /** The store's text decides, so two recipes that would have cut another text differently are the same job. */
    @Test
    void recipeOfAStoreSaysNothingOfWindowsAndIsTheSameJob() throws IOException {
        Path store = calibrated("store", GradientSettings.DEFAULT);
        job.run(
                parsed("ratio: 0.2\nrounds: 3\nwindows: 5\nwindow: 7\n"),
                stats(store, "out"),
                backend,
                JobListener.NONE,
                () -> false);
        String yaml = Files.readString(job.out("out").resolve("cospadi/recipe.yaml"));
        assertFalse(yaml.contains("window") || yaml.contains("sample"), yaml);
        assertTrue(job.run(parsed(yaml), stats(store, "out"), backend, JobListener.NONE, () -> false)
                .alreadyComplete());
    }

    private static Recipe parsed(String recipe) {
        return RecipeDocument.parse(recipe, "tiny").recipe();
    }

    private JobPlaces stats(Path stats, String out) {
        return new JobPlaces(job.model(), job.out(out), List.of(), Optional.of(stats), false, false);
    }

    private Path calibrated(String name, GradientSettings settings) {
        WindowSettings windows = new WindowSettings(8, 16, false, 42);
        new CalibrationJob(
                        job.model(),
                        List.of(job.data()),
                        job.out(name),
                        windows,
                        Optional.of(new GradientPlan(windows, settings)))
                .run(Share.WHOLE, backend, JobListener.NONE, task -> Progress.NONE, () -> false);
        return job.out(name);
    }

    @Test
    void recipeInTheOutputReadsBackAsTheSameRecipe() throws IOException {
        Recipe recipe = TinyJob.recipe(
                "exclude: ['layers.0.self_attn.{q,k}_proj']\nbudget: uniform\noverrides: [{pattern: up_proj, ratio: 0.3}]\n");
        job.run(recipe, "out", backend);
        String yaml = Files.readString(job.out("out").resolve("cospadi/recipe.yaml"));
        assertEquals(recipe, RecipeDocument.parse(yaml, "recipe.yaml").recipe());
    }
}
