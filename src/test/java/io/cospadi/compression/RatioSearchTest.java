package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.backend.CpuBackend;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.evaluation.EvaluationSettings;
import io.cospadi.evaluation.TokenPerplexity;
import io.cospadi.format.ModelFolder;
import io.cospadi.format.Verifier;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RatioSearchTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    private TinyJob job;
    private CpuBackend backend;
    private int[] heldOut;

    @BeforeEach
    void open() {
        job = TinyJob.in(folder);
        backend = new CpuBackend(1);
        heldOut = new SplittableRandom(8).ints(400, 0, 61).toArray();
        job.write(
                "heldout.json",
                java.util.Arrays.stream(heldOut).boxed().toList().toString());
    }

    @AfterEach
    void close() {
        assertEquals(0, backend.allocatedBytes(), "matrices left behind");
        backend.close();
    }

    private static Recipe limited(String more) {
        return RecipeDocument.parse("windows: 8\nwindow: 16\nrounds: 3\n" + more, "tiny")
                .recipe();
    }

    private JobPlaces places(String out) {
        return new JobPlaces(
                job.model(),
                job.out(out),
                List.of(job.data()),
                Optional.empty(),
                Optional.of(job.out("heldout.json")),
                false,
                false);
    }

    private JobResult run(Recipe recipe, String out) {
        return job.run(recipe, places(out), backend, JobListener.NONE, () -> false);
    }

    private JsonNode found(String out) throws IOException {
        return JSON.readTree(Files.readAllBytes(job.out(out).resolve("cospadi/ratio.json")));
    }

    private double perplexity(Path model) {
        try (ModelWeights weights = ModelFolder.open(model)) {
            return TokenPerplexity.evaluate(
                            weights,
                            backend,
                            "held out",
                            heldOut,
                            new EvaluationSettings(16, 16, 1 << 20, folder),
                            Progress.NONE)
                    .value();
        }
    }

    /** What the search says it measured is what the model measures that its first ratio gives, and its result is an ordinary one. */
    @Test
    void firstModelIsTheOneThatIsMeasuredAndTheResultIsThatOfItsRatio() throws IOException {
        JobResult result = run(limited("max-perplexity-increase: 0.5\n"), "out");
        Verifier.verify(job.out("out"), Progress.NONE);
        JsonNode found = found("out");
        double ratio = found.path("ratio").asDouble();
        double first = found.path("first").path("ratio").asDouble();
        assertEquals(ratio, result.report().ratio().target());
        assertTrue(result.report().ratio().projections() >= ratio);
        double dense = found.path("dense_perplexity").asDouble();
        assertEquals(perplexity(job.model()), dense);
        job.run(limited("ratio: " + first + "\n"), "first", backend);
        double measured = perplexity(job.out("first"));
        assertEquals(measured, found.path("first").path("perplexity").asDouble());
        double scale = found.path("scale").asDouble();
        double foreseen = found.path("first").path("predicted_loss").asDouble();
        assertEquals(Math.max(0.5, Math.log(measured / dense) / foreseen), scale, 1e-12);
        assertTrue(found.path("predicted_perplexity").asDouble() <= 1.005 * dense, found.toString());
        job.run(limited("ratio: " + ratio + "\n"), "plain", backend);
        assertEquals(
                TinyJob.contents(job.out("plain")).get("model.safetensors"),
                TinyJob.contents(job.out("out")).get("model.safetensors"));
        // a thousandth more would have been too much
        Recipe more = limited("ratio: " + (ratio + 0.001) + "\n");
        double rise = job.run(more, "more", backend).report().predictedLoss().getAsDouble();
        assertTrue(scale * rise > Math.log1p(0.005), scale + " x " + rise);
        assertTrue(run(limited("max-perplexity-increase: 0.5\n"), "out").alreadyComplete());
    }

    @Test
    void aWiderLimitGivesALargerRatio() throws IOException {
        double before = 0;
        for (double percent : new double[] {0.1, 0.5, 2}) {
            String out = "out" + percent;
            run(limited("max-perplexity-increase: " + percent + "\n"), out);
            double ratio = found(out).path("ratio").asDouble();
            assertTrue(ratio > before, ratio + " for " + percent);
            before = ratio;
        }
    }

    @Test
    void stoppedAtAnyMomentAndResumedGivesTheSameBytes() {
        Recipe recipe = limited("max-perplexity-increase: 0.5\n");
        run(recipe, "whole");
        TreeMap<String, String> expected = TinyJob.contents(job.out("whole"));
        int stops = 0;
        boolean done = false;
        for (int patience = 1; !done; patience += 1 + patience / 12) {
            AtomicInteger left = new AtomicInteger(patience);
            try {
                job.run(recipe, places("parts"), backend, JobListener.NONE, () -> left.getAndDecrement() <= 0);
                done = true;
            } catch (StoppedException e) {
                stops++;
                assertFalse(Files.exists(job.out("parts")), "nothing appears before all is done");
            }
        }
        assertTrue(stops > 10, stops + " stops");
        assertEquals(expected, TinyJob.contents(job.out("parts")));
    }

    @Test
    void limitThatNoRatioKeepsAndTextThatIsNotHeldOutAreRefused() {
        String refused = assertThrows(
                        CospadiException.class, () -> run(limited("max-perplexity-increase: 1.0e-6\n"), "out"))
                .getMessage();
        assertTrue(refused.contains("even at 0.001 it is predicted to be"), refused);
        JobPlaces seen = new JobPlaces(
                job.model(),
                job.out("seen"),
                List.of(job.data()),
                Optional.empty(),
                Optional.of(job.data()),
                false,
                false);
        refused = assertThrows(
                        CospadiException.class,
                        () -> job.run(
                                limited("max-perplexity-increase: 5\n"), seen, backend, JobListener.NONE, () -> false))
                .getMessage();
        assertTrue(refused.contains("is calibration text too"), refused);
        JobPlaces divided = new JobPlaces(
                job.model(),
                job.out("divided"),
                List.of(),
                Optional.of(folder),
                Optional.of(job.out("heldout.json")),
                false,
                false);
        refused = assertThrows(
                        RecipeException.class,
                        () -> new DividedJob(limited("max-perplexity-increase: 5\n"), divided, null))
                .getMessage();
        assertTrue(refused.contains("needs --ratio"), refused);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "max-perplexity-increase: 0 | is a number of per cent above 0",
                "max-perplexity-increase: 5\\nratio: 0.2 | leave --ratio out",
                "max-perplexity-increase: 5\\nbudget: uniform | it needs budget auto",
                "max-perplexity-increase: 5\\nmethod: zero-sum-svd | another method than zero-sum-svd",
                "seed: 1 | --ratio is missing: the share to save, or --max-perplexity-increase",
            })
    void recipeThatMakesNoSenseIsRefused(String recipe, String message) {
        RecipeDocument document = RecipeDocument.parse(recipe.replace("\\n", "\n"), "r.yaml");
        String found = assertThrows(RecipeException.class, document::recipe).getMessage();
        assertTrue(found.contains(message), found);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "max-perplexity-increase: 5 | --perplexity-text is missing",
                "ratio: 0.2\\nperplexity-text: b.txt | belongs to --max-perplexity-increase",
            })
    void limitAndTextComeTogether(String more, String message) {
        RecipeDocument document =
                RecipeDocument.parse("model: m\nout: o\ndata: a.txt\n" + more.replace("\\n", "\n"), "r.yaml");
        String found = assertThrows(RecipeException.class, document::places).getMessage();
        assertTrue(found.contains(message), found);
    }
}
