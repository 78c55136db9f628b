package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.decoder.Generator;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.ResidentModel;
import io.cospadi.decoder.Sampling;
import io.cospadi.evaluation.EvaluationSettings;
import io.cospadi.evaluation.TokenPerplexity;
import io.cospadi.format.ModelFolder;
import io.cospadi.format.Verifier;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole jobs on a backend: as good as on two threads of the processor, and the same bytes whenever they are repeated. */
abstract class AbstractCompressionJobTest {
    /**
     * Between backends, of a projection's relative error: sums in other orders now and then give a code another support, from
     * where a solver goes another way of about the same length.
     */
    private static final double ERROR_TOLERANCE = 0.02;

    /** Between backends, of the perplexity of one folder: it is read exactly, only sums are ordered otherwise. */
    private static final double PERPLEXITY_TOLERANCE = 1e-5;

    @TempDir
    Path folder;

    TinyJob job;
    Backend backend;

    abstract Backend create();

    @BeforeEach
    void open() {
        backend = create();
        job = TinyJob.in(folder);
    }

    @AfterEach
    void close() {
        if (backend == null) {
            return; // create() skipped the test
        }
        assertEquals(0, backend.allocatedBytes(), "matrices left behind");
        backend.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "include: ['layers.0.*']\n",
                "include: ['layers.1.*']\nbudget: uniform\nsolver: ksvd\n",
                "include: ['layers.1.*']\nbudget: uniform\nmethod: compot\n",
                "budget: uniform\nshare: 2\n",
                "include: ['layers.1.*']\nbudget: uniform\ngroups: '2:4'\n",
                "budget: uniform\nmethod: svd-llm\npropagate: compressed\n",
                "include: ['layers.1.*']\nmethod: svd-llm\n",
                "include: ['layers.1.*']\nmethod: gptq\ngroup-size: 100\n"
            })
    void jobsComeOutAsTheyDoOnTwoThreadsOfTheProcessor(String more) {
        Recipe recipe = recipe(more);
        RunReport found = job.run(recipe, "out", backend).report();
        Verifier.Summary summary = Verifier.verify(job.out("out"), Progress.NONE);
        assertTrue(summary.sizes().ratioProjections() >= 0.2, summary.toString());
        try (Backend processor = new CpuBackend(2)) {
            RunReport expected = job.run(recipe, "processor", processor).report();
            for (int i = 0; i < expected.projections().size(); i++) {
                RunReport.ProjectionResult theirs = expected.projections().get(i);
                RunReport.ProjectionResult ours = found.projections().get(i);
                assertEquals(theirs.name(), ours.name());
                assertEquals(theirs.k(), ours.k(), ours.name());
                assertEquals(
                        theirs.relativeError(),
                        ours.relativeError(),
                        ERROR_TOLERANCE * theirs.relativeError(),
                        ours.name());
            }
            double perplexity = perplexity(processor);
            assertEquals(perplexity, perplexity(backend), PERPLEXITY_TOLERANCE * perplexity);
            assertArrayEquals(continued(processor), continued(backend));
        }
    }

    /** Small enough for a GPU in emulation. */
    static Recipe recipe(String more) {
        String rounds = more.contains("svd-llm") || more.contains("gptq") ? "" : "rounds: 2\n";
        return RecipeDocument.parse("ratio: 0.2\nwindows: 4\nwindow: 16\n" + rounds + more, "small")
                .recipe();
    }

    private double perplexity(Backend on) {
        int[] text = new SplittableRandom(3).ints(64, 0, 61).toArray();
        try (ModelWeights compact = ModelFolder.open(job.out("out"))) {
            EvaluationSettings settings = new EvaluationSettings(16, 0, 1 << 20, folder);
            return TokenPerplexity.evaluate(compact, on, "text", text, settings, Progress.NONE)
                    .value();
        }
    }

    private int[] continued(Backend on) {
        try (ModelWeights compact = ModelFolder.open(job.out("out"));
                ResidentModel model = new ResidentModel(compact, on, 16)) {
            return new Generator(model, new int[0])
                    .generate(new int[] {1, 2, 3}, 10, Sampling.GREEDY, token -> {})
                    .tokens();
        }
    }

    @Test
    void stoppedTwiceAJobGivesTheBytesOfOneRun() {
        Recipe recipe = recipe("include: ['layers.1.*']\nbudget: uniform\n");
        job.run(recipe, "whole", backend);
        for (int checks : List.of(20, 60)) {
            stopAfter(checks, recipe, job.places("parts", false));
            assertFalse(Files.exists(job.out("parts")), "nothing appears before all is done");
        }
        try (Backend other = new CpuBackend(2)) {
            assertRefused("its backend is", () -> job.run(recipe, "parts", other));
            assertRefused(other.identity(), () -> job.run(recipe, "parts", other));
        }
        job.run(recipe, "parts", backend);
        assertEquals(TinyJob.contents(job.out("whole")), TinyJob.contents(job.out("parts")));
    }

    void stopAfter(int checks, Recipe recipe, JobPlaces places) {
        AtomicInteger left = new AtomicInteger(checks);
        assertThrows(
                StoppedException.class,
                () -> job.run(recipe, places, backend, JobListener.NONE, () -> left.getAndDecrement() <= 0));
    }

    static void assertRefused(String part, org.junit.jupiter.api.function.Executable executable) {
        String message = assertThrows(CospadiException.class, executable).getMessage();
        assertTrue(message.contains(part), message);
        assertFalse(message.contains("\n"), message);
    }
}
