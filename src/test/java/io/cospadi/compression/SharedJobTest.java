package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.budget.Allocation;
import io.cospadi.calibration.GradientSettings;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.decoder.DelegatingWeights;
import io.cospadi.decoder.DenseLinear;
import io.cospadi.decoder.Linear;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.ResidentModel;
import io.cospadi.format.CompactFormat;
import io.cospadi.format.CompactModel;
import io.cospadi.format.CompactModule;
import io.cospadi.format.Verifier;
import io.cospadi.quantization.CodePacking;
import io.cospadi.quantization.MalformedRowException;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.HostMatrix;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Jobs whose projections share dictionaries: both layers of the tiny model, type by type. */
class SharedJobTest {
    @TempDir
    Path folder;

    private TinyJob job;
    private CpuBackend backend;

    @BeforeEach
    void open() {
        job = TinyJob.in(folder);
        backend = new CpuBackend(1);
    }

    @AfterEach
    void close() {
        assertEquals(0, backend.allocatedBytes(), "matrices left behind");
        backend.close();
    }

    private static Recipe recipe(String more) {
        String rounds = more.contains("basis") ? "" : "rounds: 3\n";
        String budget = more.contains("budget") ? "" : "budget: uniform\n";
        return RecipeDocument.parse("ratio: 0.2\nwindows: 8\nwindow: 16\n" + rounds + budget + more, "tiny")
                .recipe();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "share: 2\n",
                "share: 2\nshare-objective: exact\n",
                "share: 2\nobjective: loss\n",
                "share: 2\nshare-objective: exact\nobjective: loss\n",
                "share: 2\nsolver: ksvd\n",
                "share: 2\nsolver: mod\n",
                "method: basis-sharing\n",
                "share: 2\nshare-include: ['{q,down}_proj']\n",
                "share-groups: [['layers.*.mlp.up_proj']]\n",
            })
    void outputIsSoundMeetsTheRatioAndStoresEachDictionaryOnce(String more) {
        JobResult result = job.run(recipe(more), "out", backend);
        Verifier.Summary summary = Verifier.verify(job.out("out"), Progress.NONE);
        assertEquals(result.report().ratio().projections(), summary.sizes().ratioProjections());
        assertTrue(summary.sizes().ratioProjections() >= 0.2, summary.toString());
        long files = result.report().bytes().stream()
                .mapToLong(RunReport.ByteShare::bytes)
                .sum();
        assertEquals(summary.sizes().fileBytes(), files, "the report accounts for every byte");
        long projections = result.report().projections().stream()
                .mapToLong(RunReport.ProjectionResult::bytes)
                .sum();
        assertEquals(summary.sizes().projectionBytes(), projections, "members' bytes add up to their groups'");
        int shared = more.contains("share-include") ? 2 : more.contains("share-groups") ? 1 : 7;
        try (CompactModel model = CompactModel.open(job.out("out"))) {
            int version = recipe(more).method().lowRank() ? 2 : 1;
            assertEquals(
                    version,
                    model.checkpoint().compactBlock().get("format_version").intValue());
            assertEquals(shared, model.block().groups().size());
            assertEquals(shared, summary.groups());
            Map<String, List<String>> reported = new TreeMap<>();
            result.report().projections().stream()
                    .filter(p -> p.group() != null)
                    .forEach(p -> reported.computeIfAbsent(p.group(), key -> new ArrayList<>())
                            .add(p.name()));
            assertEquals(model.block().groups(), reported.keySet());
            reported.forEach((name, members) -> assertEquals(2, members.size(), name));
            assertEquals(
                    shared,
                    model.checkpoint().tensors().keySet().stream()
                            .filter(name -> name.startsWith("cospadi_shared."))
                            .count());
        }
    }

    /** A group is one choice: its members are of one size, or all dense. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "share: 2\nbudget: auto\n",
                "share: 2\nbudget: auto\nobjective: output\n",
                "share: 2\nbudget: auto\nshare-objective: exact\n",
                "share: 2\nbudget: auto\nshare-include: ['{q,down}_proj']\n",
                "method: basis-sharing\nbudget: auto\n",
            })
    void lossAwareBudgetSizesGroupsWholeAndMeetsTheRatioTogether(String more) {
        JobResult result = job.run(recipe(more), "out", backend);
        double ratio = Verifier.verify(job.out("out"), Progress.NONE).sizes().ratioProjections();
        assertEquals(ratio, result.report().ratio().projections());
        assertTrue(ratio >= 0.2, ratio + " saved");
        Map<ProjectionType, List<CompactModule>> byType = new TreeMap<>();
        try (CompactModel model = CompactModel.open(job.out("out"))) {
            for (Projection p : model.config().projections()) {
                model.module(p).ifPresent(module -> byType.computeIfAbsent(p.type(), key -> new ArrayList<>())
                        .add(module));
            }
        }
        Sharing sharing = recipe(more).sharing();
        long shared = byType.entrySet().stream()
                .filter(entry -> entry.getValue().get(0).group() != null)
                .peek(entry -> {
                    assertTrue(
                            sharing.applies("model.layers.0." + entry.getKey().hfName()));
                    assertEquals(2, entry.getValue().size(), entry.toString());
                    assertEquals(entry.getValue().get(0), entry.getValue().get(1));
                })
                .count();
        assertTrue(shared > 0, "all groups stayed dense: " + byType);
    }

    /** Two layers side by side afford more atoms than each alone: that is what sharing is for. */
    @Test
    void planSizesGroupsByTheirBytes() {
        try (Checkpoint model = Checkpoint.open(job.model())) {
            Plan apart = Plan.of(model, recipe(""), false, 1, 0);
            Plan shared = Plan.of(model, recipe("share: 2\n"), false, 1, 0);
            assertEquals(apart.allocations().size(), shared.allocations().size());
            for (int i = 0; i < apart.allocations().size(); i++) {
                Allocation a = shared.allocations().get(i);
                Projection p = a.projection();
                assertTrue(a.k() > apart.allocations().get(i).k(), p.name());
                assertEquals(a.k() / 2, a.s());
                long group = 2L * a.k() * p.d1() + 2L * p.d2() * ((14L * a.s() + 7) / 8 + (a.k() + 7L) / 8);
                assertEquals(group / 2, a.bytes(), 1, "an equal part of " + group);
                assertTrue(group <= 0.8 * 2 * 2 * p.d1() * p.d2(), group + " bytes meet the ratio");
                long larger = 2L * (a.k() + 1) * p.d1()
                        + 2L * p.d2() * ((14L * ((a.k() + 1) / 2) + 7) / 8 + (a.k() + 8L) / 8);
                assertTrue(larger > 0.8 * 2 * 2 * p.d1() * p.d2(), "one atom more doesn't: " + larger);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "objective: loss\n", "budget: auto\n"})
    void stoppedAtAnyMomentAndResumedGivesTheSameBytes(String more) {
        Recipe recipe = recipe("share: 2\n" + more);
        job.run(recipe, "whole", backend);
        TreeMap<String, String> expected = TinyJob.contents(job.out("whole"));
        int stops = 0;
        boolean done = false;
        for (int patience = 1; !done; patience += 1 + patience / 8) {
            AtomicInteger left = new AtomicInteger(patience);
            try {
                job.run(
                        recipe,
                        job.places("parts", false),
                        backend,
                        JobListener.NONE,
                        () -> left.getAndDecrement() <= 0);
                done = true;
            } catch (StoppedException e) {
                stops++;
            }
        }
        assertTrue(stops > 10, stops + " stops");
        assertEquals(expected, TinyJob.contents(job.out("parts")));
    }

    /** A kill may leave some members' parts without the others'. */
    @Test
    void groupWithAMissingPartIsMadeAgainWithTheSameBytes() throws IOException {
        Recipe recipe = recipe("share: 2\n");
        JobPlaces keeping =
                new JobPlaces(job.model(), job.out("out"), List.of(job.data()), Optional.empty(), true, false);
        job.run(recipe, keeping, backend, JobListener.NONE, () -> false);
        TreeMap<String, String> expected = TinyJob.contents(job.out("out"));
        Path parts = job.out("out.work").resolve("parts");
        String removed;
        try (var files = Files.list(parts)) {
            Path part = files.filter(file -> file.toString().contains("up_proj"))
                    .sorted()
                    .findFirst()
                    .orElseThrow();
            removed = part.getFileName().toString();
            Files.delete(part);
        }
        TinyJob.contents(job.out("out")).keySet().forEach(file -> {
            if (!job.out("out").resolve(file).toFile().delete()) {
                throw new IllegalStateException(file);
            }
        });
        job.run(recipe, job.places("out", true), backend, JobListener.NONE, () -> false);
        assertEquals(expected, TinyJob.contents(job.out("out")), "without " + removed);
    }

    @ParameterizedTest
    @CsvSource({"1, uniform", "2, uniform", "3, uniform", "7, uniform", "3, auto"})
    void sharesOfADividedJobKeepGroupsWholeAndMakeTheBytesOfOneRun(int count, String budget) {
        WindowSettings windows = new WindowSettings(8, 16, false, 42);
        GradientPlan gradients = GradientPlan.beside(windows, 8, OptionalInt.empty(), GradientSettings.DEFAULT);
        new CalibrationJob(job.model(), List.of(job.data()), job.out("stats"), windows, Optional.of(gradients))
                .run(Share.WHOLE, backend, JobListener.NONE, task -> Progress.NONE, () -> false);
        Recipe recipe = recipe("share: 2\nbudget: " + budget + "\n");
        JobEnvironment environment = job.environment(backend, JobListener.NONE, () -> false);
        JobPlaces places = stats("out");
        if (recipe.budget() == BudgetChoice.AUTO) {
            new DividedJob(recipe, places, environment).budget();
        }
        List<Path> works = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            DividedJob.ShareResult made = new DividedJob(recipe, places, environment).share(new Share(i, count));
            assertTrue(budget.equals("auto") || made.projections() % 2 == 0, "whole groups");
            works.add(made.work());
        }
        new MergeJob(works, recipe, stats("merged"), environment).run();
        new CompressionJob(recipe, stats("single"), environment).run();
        assertEquals(TinyJob.contents(job.out("single")), TinyJob.contents(job.out("merged")));
    }

    @Test
    void whatTheLossNeedsIsAskedForBeforeAnyComputing() {
        WindowSettings windows = new WindowSettings(8, 16, false, 42);
        new CalibrationJob(job.model(), List.of(job.data()), job.out("stats"), windows, Optional.empty())
                .run(Share.WHOLE, backend, JobListener.NONE, task -> Progress.NONE, () -> false);
        JobEnvironment environment = job.environment(backend, JobListener.NONE, () -> false);
        String message = assertThrows(CospadiException.class, () -> new CompressionJob(
                                recipe("share: 2\nobjective: loss\n"), stats("out"), environment)
                        .run())
                .getMessage();
        assertTrue(message.contains("holds Grams but no gradients"), message);
        assertFalse(Files.exists(job.out("out.work")));
    }

    private JobPlaces stats(String out) {
        return new JobPlaces(job.model(), job.out(out), List.of(), Optional.of(job.out("stats")), false, false);
    }

    @ParameterizedTest
    @ValueSource(strings = {"share: 2\n", "method: basis-sharing\n"})
    void factoredFormComputesWhatTheRebuiltDenseModelDoes(String more) {
        job.run(recipe(more), "out", backend);
        int[] ids = {3, 1, 4, 1, 5, 9, 2, 6, 5, 35, 58, 60};
        float[] factored = logits(CompactModel.open(job.out("out")), ids);
        float[] rebuilt = logits(new Rebuilt(CompactModel.open(job.out("out"))), ids);
        double largest = 0;
        for (float logit : rebuilt) {
            largest = Math.max(largest, Math.abs(logit));
        }
        for (int j = 0; j < rebuilt.length; j++) {
            // two layers of f32 products, each of at most 48 terms: below 1e-5 of the largest logit
            assertEquals(rebuilt[j], factored[j], 1e-5 * largest, "token " + j);
        }
    }

    private float[] logits(ModelWeights weights, int[] ids) {
        try (weights;
                ResidentModel model = new ResidentModel(weights, backend, ids.length)) {
            return model.lastLogits(model.advance(ids));
        }
    }

    /** The same folder with every projection multiplied out in doubles, from the stored tensors alone. */
    private static final class Rebuilt extends DelegatingWeights {
        private final CompactModel compact;

        Rebuilt(CompactModel compact) {
            super(compact);
            this.compact = compact;
        }

        @Override
        public Linear projection(Projection p, Backend backend) {
            CompactModule module = compact.module(p).orElseThrow();
            double[][] left;
            double[][] right;
            if (module instanceof CompactModule.Sparse sparse) {
                right = matrix("cospadi_shared." + sparse.group() + ".dictionary.weight");
                left = new double[p.d2()][sparse.k()];
                Codes codes = codes(p, sparse);
                for (int i = 0; i < codes.values().length; i++) {
                    left[i / codes.s()][codes.atoms()[i]] = codes.values()[i];
                }
            } else {
                right = matrix("cospadi_shared." + module.group() + ".down.weight");
                left = matrix(p.name() + ".up.weight");
            }
            HostMatrix dense = new HostMatrix(p.d2(), p.d1());
            for (int i = 0; i < p.d2(); i++) {
                for (int j = 0; j < p.d1(); j++) {
                    double sum = 0;
                    for (int l = 0; l < right.length; l++) {
                        sum += left[i][l] * right[l][j];
                    }
                    dense.data()[i * p.d1() + j] = (float) sum;
                }
            }
            return new DenseLinear(backend.upload(dense), null);
        }

        private Codes codes(Projection p, CompactModule.Sparse sparse) {
            try {
                return CodePacking.unpack(
                        p.d2(),
                        sparse.k(),
                        sparse.s(),
                        Precision.DEFAULT,
                        bytes(CompactFormat.maskName(p.name())),
                        bytes(CompactFormat.valuesName(p.name())),
                        new short[0]);
            } catch (MalformedRowException e) {
                throw new AssertionError(e);
            }
        }

        private ByteBuffer bytes(String name) {
            StoredTensor tensor = compact.checkpoint().tensor(name);
            return compact.checkpoint().mapBytes(tensor, 0, (int) tensor.bytes());
        }

        private double[][] matrix(String name) {
            StoredTensor tensor = compact.checkpoint().tensor(name);
            ByteBuffer bytes = bytes(name).order(ByteOrder.LITTLE_ENDIAN);
            double[][] matrix = new double[tensor.rows()][tensor.cols()];
            for (double[] row : matrix) {
                for (int j = 0; j < row.length; j++) {
                    row[j] = Bfloat16.toFloat(bytes.getShort());
                }
            }
            return matrix;
        }
    }
}
