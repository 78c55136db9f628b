package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.TestBackends;
import io.cospadi.calibration.GradientSettings;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.PropagatedInputs;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.checkpoint.Architecture;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.checkpoint.TinyCheckpoint;
import io.cospadi.gpu.EmulatedCuda;
import io.cospadi.gpu.LateQueue;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Weights and Grams of the next task cross to the device before the host waits for the one in hand, and change nothing. */
class LoadingAheadTest {
    @TempDir
    Path folder;

    /** So that a Gram is large enough for its memory to be kept with a mark. */
    private static final int WIDTH = 368;

    private static final long WEIGHT_BYTES = 4L * WIDTH * 2 * WIDTH;

    private static final long GRAM_BYTES = 8L * WIDTH * WIDTH;

    /** Two layers, of which the tests compress two projections each, with Grams of their own. */
    private TinyJob job() {
        TinyJob job = TinyJob.in(folder);
        TinyCheckpoint.of(Architecture.LLAMA)
                .with("hidden_size", WIDTH)
                .with("intermediate_size", 2 * WIDTH)
                .with("num_attention_heads", 2)
                .with("num_key_value_heads", 1)
                .with("head_dim", WIDTH / 2)
                .with("vocab_size", 61)
                .dtype(DType.F32)
                .write(job.model());
        WindowSettings windows = new WindowSettings(8, 16, false, 42);
        GradientPlan gradients = GradientPlan.beside(windows, 16, OptionalInt.empty(), GradientSettings.DEFAULT);
        try (Backend backend = new CpuBackend(1)) {
            new CalibrationJob(job.model(), List.of(job.data()), job.out("stats"), windows, Optional.of(gradients))
                    .run(Share.WHOLE, backend, JobListener.NONE, task -> Progress.NONE, () -> false);
        }
        return job;
    }

    private static TreeMap<String, String> contents(TinyJob job, Recipe recipe, String out, Backend backend) {
        JobPlaces places =
                new JobPlaces(job.model(), job.out(out), List.of(), Optional.of(job.out("stats")), false, false);
        try (backend) {
            job.run(recipe, places, backend, JobListener.NONE, () -> false);
            assertEquals(0, backend.allocatedBytes(), "matrices left behind");
        }
        return TinyJob.contents(job.out(out));
    }

    @ParameterizedTest
    @CsvSource({
        "'budget: uniform\n', 1",
        "'method: compot\nbudget: uniform\n', 1",
        "'method: svd-llm\nbudget: uniform\n', 1",
        "'method: gptq\n', 1",
        "'method: svd-llm\nbudget: auto\nobjective: output\n', 2" // trials of the budget are tasks, too
    })
    void whatATaskNeedsIsThereBeforeTheOneBeforeIsWaitedFor(String options, int grams) {
        TinyJob job = job();
        Recipe recipe = TinyJob.recipe(options + "include: ['o_proj']\n");
        LateQueue late = new LateQueue(new EmulatedCuda());
        TreeMap<String, String> ahead = contents(job, recipe, "ahead", TestBackends.on(late.calls(), Long.MAX_VALUE));
        assertEquals(contents(job, recipe, "plain", TestBackends.emulated()), ahead);
        assertTrue(
                late.bytesBesideProducts() >= grams * GRAM_BYTES,
                late.bytesBesideProducts() + " of " + late.bytesBeside() + " bytes");
    }

    /** What the next site reads is not known yet. */
    @Test
    void propagatedInputsKeepTheirOrder() {
        TinyJob job = job();
        Recipe recipe = TinyJob.recipe("method: gptq\npropagate: inputs\ninclude: ['gate_proj', 'up_proj']\n");
        LateQueue late = new LateQueue(new EmulatedCuda());
        TreeMap<String, String> ahead = TinyJob.contents(ran(job, recipe, "ahead", late));
        TreeMap<String, String> plain = TinyJob.contents(ran(job, recipe, "plain", null));
        assertEquals(plain, ahead);
    }

    private static Path ran(TinyJob job, Recipe recipe, String out, LateQueue late) {
        try (Backend backend = late == null ? TestBackends.emulated() : TestBackends.on(late.calls(), Long.MAX_VALUE)) {
            job.run(recipe, out, backend);
            assertEquals(0, backend.allocatedBytes(), "matrices left behind");
        }
        return job.out(out);
    }

    /** What was foretold is what a job may be given; a solver that fits once more takes it once more. */
    @Test
    void inTheMemoryThatWasForetoldNothingIsLoadedAhead() {
        TinyJob job = job();
        Recipe recipe = TinyJob.recipe("budget: uniform\ninclude: ['o_proj']\n");
        long foretold;
        try (Checkpoint model = Checkpoint.open(job.model())) {
            foretold = Plan.of(model, recipe, false, 1, 0).peakMemory().factorization();
        }
        LateQueue tight = new LateQueue(new EmulatedCuda());
        TreeMap<String, String> afterwards = contents(job, recipe, "tight", TestBackends.on(tight.calls(), foretold));
        assertTrue(tight.bytesBesideProducts() < WEIGHT_BYTES / 2, tight.bytesBesideProducts() + " bytes");
        LateQueue enough = new LateQueue(new EmulatedCuda());
        assertEquals(afterwards, contents(job, recipe, "enough", TestBackends.on(enough.calls(), 2 * foretold)));
        assertTrue(enough.bytesBesideProducts() >= GRAM_BYTES, enough.bytesBesideProducts() + " bytes");
    }

    @Test
    void theNextWeightOfASiteIsLoadedAhead() {
        TinyJob job = job();
        try (Checkpoint model = Checkpoint.open(job.model());
                Backend backend = TestBackends.emulated()) {
            ModelConfig config = model.config();
            GramStore store = GramStore.open(job.out("stats"));
            Projection gate = config.projection(0, ProjectionType.GATE);
            Projection up = config.projection(0, ProjectionType.UP);
            PropagatedInputs.Sums sums =
                    new PropagatedInputs.Sums(store.gram(gate.siteName(), backend), Optional.empty());
            try (PropagatedProblems problems = new PropagatedProblems(
                    backend,
                    model,
                    TinyJob.recipe("budget: uniform\nobjective: output\n"),
                    store,
                    gate.siteName(),
                    sums)) {
                problems.of(List.of(gate));
                long held = backend.allocatedBytes();
                problems.expect(List.of(up));
                assertEquals(held + WEIGHT_BYTES, backend.allocatedBytes(), "up's weight");
                problems.expect(List.of());
                assertEquals(held, backend.allocatedBytes(), "its room was wanted");
                problems.expect(List.of(up));
                problems.of(List.of(up));
                assertEquals(held, backend.allocatedBytes(), "gate's is gone, up's was there");
            }
            assertEquals(0, backend.allocatedBytes());
        }
    }

    @Test
    void whereThereIsNoRoomToSpareNothingIsLoadedAhead() {
        try (Backend backend = TestBackends.on(new EmulatedCuda(), 64 << 10);
                LoadedAhead loaded = new LoadedAhead(backend, name -> backend.allocate(32, 32, DType.F32))) {
            loaded.expect("large", 64 << 10, 0);
            assertEquals(0, backend.allocatedBytes(), "all that there is");
            loaded.expect("next", 4 << 10, 60 << 10);
            assertEquals(0, backend.allocatedBytes(), "the room that what is in hand may need");
            loaded.expect("next", 4 << 10, 59 << 10);
            assertEquals(4 << 10, backend.allocatedBytes());
            loaded.expect("next", 4 << 10, 0);
            assertEquals(4 << 10, backend.allocatedBytes(), "loaded twice");
            loaded.close();
            assertEquals(0, backend.allocatedBytes(), "nobody took it");
        }
    }

    @Test
    void aProcessorHasNothingToLoadBeside() {
        try (Backend backend = new CpuBackend(1);
                LoadedAhead loaded = new LoadedAhead(backend, name -> backend.allocate(2, 2, DType.F32))) {
            loaded.expect("next", 16, 0);
            assertEquals(0, backend.allocatedBytes());
        }
    }

    @Test
    void whatCannotBeReadFailsWhenItIsTaken() {
        AtomicInteger calls = new AtomicInteger();
        CospadiException damaged = new CospadiException("damaged");
        try (Backend backend = TestBackends.emulated();
                LoadedAhead loaded = new LoadedAhead(backend, name -> {
                    calls.incrementAndGet();
                    throw damaged;
                })) {
            loaded.expect("next", 16, 0);
            assertEquals(1, calls.get());
            assertSame(damaged, assertThrows(CospadiException.class, () -> loaded.take("next")));
        }
    }

    /** Stopped, or asked for something else. */
    @Test
    void whatNobodyTakesIsFreed() {
        TinyJob job = job();
        try (Checkpoint model = Checkpoint.open(job.model());
                Backend backend = TestBackends.emulated()) {
            ModelConfig config = model.config();
            List<Projection> first = List.of(config.projection(0, ProjectionType.Q));
            List<Projection> next = List.of(config.projection(0, ProjectionType.O));
            LoadedProblems problems = new LoadedProblems(
                    backend,
                    model,
                    TinyJob.recipe("budget: uniform\nobjective: output\n"),
                    GramStore.open(job.out("stats")));
            try (problems) {
                problems.of(first);
                long held = backend.allocatedBytes();
                problems.expect(next, 0);
                assertTrue(backend.allocatedBytes() > held, "nothing came ahead");
                problems.of(first);
                assertEquals(held, backend.allocatedBytes(), "what was expected is still there");
                problems.expect(next, 0);
            }
            assertEquals(0, backend.allocatedBytes());
        }
    }
}
