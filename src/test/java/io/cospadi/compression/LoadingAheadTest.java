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
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.checkpoint.TinyCheckpoint;
import io.cospadi.gpu.EmulatedCuda;
import io.cospadi.gpu.LateQueue;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
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
        GradientPlan gradients =
                GradientPlan.beside(windows, 16, OptionalInt.empty(), GradientSettings.DEFAULT.withFullCovariance());
        try (Backend backend = new CpuBackend(1)) {
            new CalibrationJob(job.model(), List.of(job.data()), job.out("stats"), windows, Optional.of(gradients))
                    .run(Share.WHOLE, backend, JobListener.NONE, task -> Progress.NONE, () -> false);
        }
        return job;
    }

    private static JobPlaces places(TinyJob job, String out) {
        return new JobPlaces(job.model(), job.out(out), List.of(), Optional.of(job.out("stats")), false, false);
    }

    private static TreeMap<String, String> contents(TinyJob job, Recipe recipe, String out, Backend backend) {
        try (backend) {
            job.run(recipe, places(job, out), backend, JobListener.NONE, () -> false);
            assertEquals(0, backend.allocatedBytes(), "matrices left behind");
        }
        return TinyJob.contents(job.out(out));
    }

    @ParameterizedTest
    @CsvSource({
        "'budget: uniform\n', o_proj, 1",
        "'method: compot\nbudget: uniform\n', o_proj, 1",
        "'method: svd-llm\nbudget: uniform\n', o_proj, 1",
        "'method: gptq\n', o_proj, 1",
        "'method: svd-llm\nbudget: auto\nobjective: output\n', o_proj, 2", // trials of the budget are tasks, too
        "'method: kfac-svd\nbudget: uniform\nobjective: loss\n', o_proj, 2", // and what weighs outputs is as large
        "'budget: uniform\nshare: 2\n', '[qo]_proj', 2" // a Gram for each member
    })
    void whatATaskNeedsIsThereBeforeTheOneBeforeIsWaitedFor(String options, String include, int grams) {
        TinyJob job = job();
        Recipe recipe = TinyJob.recipe(options + "include: ['" + include + "']\n");
        LateQueue late = new LateQueue(new EmulatedCuda());
        TreeMap<String, String> ahead = contents(job, recipe, "ahead", TestBackends.on(late.calls(), Long.MAX_VALUE));
        assertEquals(contents(job, recipe, "plain", TestBackends.emulated()), ahead);
        assertTrue(
                late.bytesBesideProducts() >= grams * GRAM_BYTES,
                late.bytesBesideProducts() + " of " + late.bytesBeside() + " bytes");
    }

    /** A Gram that can't be used fails in its turn, and as it would have; the part before it is made by then. */
    @Test
    void whatIsDamagedFailsInItsTurn() throws IOException {
        TinyJob job = job();
        StoredTensor next = GramStore.open(job.out("stats")).stored("model.layers.1.attn_out");
        try (FileChannel file = FileChannel.open(next.file(), StandardOpenOption.WRITE)) {
            file.write(ByteBuffer.allocate(Double.BYTES), next.end() - Double.BYTES);
        }
        Recipe recipe = TinyJob.recipe("method: svd-llm\nbudget: uniform\ninclude: ['o_proj']\n");
        LateQueue late = new LateQueue(new EmulatedCuda());
        Map<String, String> ahead = failed(job, recipe, "ahead", TestBackends.on(late.calls(), Long.MAX_VALUE));
        assertTrue(late.bytesBesideProducts() >= GRAM_BYTES, "it was met ahead");
        assertEquals(1, ahead.size(), ahead.keySet().toString());
        assertEquals(ahead, failed(job, recipe, "plain", TestBackends.emulated()));
    }

    /** The parts that there are when the job fails. */
    private static Map<String, String> failed(TinyJob job, Recipe recipe, String out, Backend backend) {
        try (backend) {
            CospadiException failure = assertThrows(
                    CospadiException.class,
                    () -> job.run(recipe, places(job, out), backend, JobListener.NONE, () -> false));
            assertTrue(failure.getMessage().contains("attn_out has SHA-256"), failure.getMessage());
            assertEquals(0, backend.allocatedBytes(), "matrices left behind");
        }
        return TinyJob.contents(WorkFolder.parts(job.out(out + ".work")));
    }

    @Test
    void stoppedWhenTheNextIsThereAndResumedGivesTheSameBytes() {
        TinyJob job = job();
        Recipe recipe = TinyJob.recipe("method: svd-llm\nbudget: uniform\ninclude: ['o_proj']\n");
        LateQueue late = new LateQueue(new EmulatedCuda());
        try (Backend backend = TestBackends.on(late.calls(), Long.MAX_VALUE)) {
            assertThrows(
                    StoppedException.class,
                    () -> job.run(
                            recipe,
                            places(job, "stopped"),
                            backend,
                            JobListener.NONE,
                            () -> late.bytesBesideProducts() >= GRAM_BYTES));
            assertEquals(0, backend.allocatedBytes(), "matrices left behind");
        }
        assertEquals(
                contents(job, recipe, "whole", TestBackends.emulated()),
                contents(job, recipe, "stopped", TestBackends.emulated()));
    }

    /** Of a site the next weight alone: what it reads is not known yet. */
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
                problems.of(List.of(gate), List.of(up));
                long held = backend.allocatedBytes();
                problems.loadNext(0);
                assertEquals(held + WEIGHT_BYTES, backend.allocatedBytes(), "up's weight");
                problems.of(List.of(up), List.of());
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

    /** On a processor, too, which loads nothing beside its own work. */
    @Test
    @Timeout(60)
    void whatATaskNeedsIsReadFromItsFilesBesideTheOneBefore() throws InterruptedException {
        TinyJob job = job();
        GramStore grams = GramStore.open(job.out("stats"));
        Recipe recipe = TinyJob.recipe("method: kfac-svd\nbudget: uniform\nobjective: loss\n");
        try (Checkpoint model = Checkpoint.open(job.model());
                Backend backend = new CpuBackend(1);
                LoadedProblems problems = new LoadedProblems(backend, model, recipe, grams)) {
            ModelConfig config = model.config();
            Projection q = config.projection(0, ProjectionType.Q);
            Projection k = config.projection(0, ProjectionType.K);
            Projection o = config.projection(0, ProjectionType.O);
            problems.of(List.of(q), List.of(k));
            long ofK = 4L * WIDTH * k.d2() + 8L * k.d2() * k.d2();
            waitFor(problems, ofK); // the Gram is there
            problems.of(List.of(k), List.of(o));
            waitFor(problems, ofK + WEIGHT_BYTES / 2 + 2 * GRAM_BYTES);
            problems.of(List.of(o), List.of());
            problems.close();
            assertEquals(ofK + WEIGHT_BYTES / 2 + 2 * GRAM_BYTES, problems.bytesRead());
        }
    }

    private static void waitFor(LoadedProblems problems, long bytes) throws InterruptedException {
        while (problems.bytesRead() < bytes) {
            Thread.sleep(1);
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
                problems.of(first, next);
                long held = backend.allocatedBytes();
                problems.loadNext(0);
                assertEquals(held + WEIGHT_BYTES / 2 + GRAM_BYTES, backend.allocatedBytes());
                problems.of(first, next);
                assertEquals(held, backend.allocatedBytes(), "what was expected is still there");
                problems.loadNext(0);
            }
            assertEquals(0, backend.allocatedBytes());
        }
    }
}
