package io.cospadi.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.calibration.RawText;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Tokenizer;
import io.cospadi.decoder.DenseWeights;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.tensor.Progress;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** SmolLM2-135M on WikiText-2's test split, against PyTorch transformers' figures (fixtures/smollm2/reference.json). */
@Tag("smollm2")
class SmolLm2PerplexityTest {
    @TempDir
    Path temporary;

    @Test
    void tokenPerplexityOfWikiTextEqualsTransformers() throws Exception {
        String model = System.getenv("COSPADI_SMOLLM2");
        String text = System.getenv("COSPADI_WIKITEXT2");
        assumeTrue(model != null && text != null, "needs COSPADI_SMOLLM2 and COSPADI_WIKITEXT2");
        JsonNode reference;
        try (InputStream json = getClass().getResourceAsStream("/fixtures/smollm2/reference.json")) {
            reference = new ObjectMapper().readTree(json);
        }
        int window = reference.get("window").asInt();
        int count = reference.get("windows").asInt();
        Path file = Path.of(text).resolve(reference.get("text").asText());
        int[] tokens;
        try (Tokenizer tokenizer = Tokenizer.open(Path.of(model))) {
            tokens = tokenizer.encode(RawText.read(file));
        }
        assertEquals(reference.get("ids").asInt(), tokens.length);
        try (Backend backend = new CpuBackend(Runtime.getRuntime().availableProcessors());
                ModelWeights weights = new DenseWeights(Checkpoint.open(Path.of(model)))) {
            EvaluationSettings settings = new EvaluationSettings(window, count, 512L << 20, temporary);
            Perplexity found =
                    TokenPerplexity.evaluate(weights, backend, file.toString(), tokens, settings, Progress.NONE);
            double expected = reference.get("perplexity").asDouble();
            System.out.printf(
                    "SmolLM2-135M, %d windows of %d: token perplexity %.6f, transformers %.6f, relative difference %.2e%n",
                    count, window, found.value(), expected, Math.abs(found.value() / expected - 1));
            assertEquals(reference.get("targets").asLong(), found.tokens());
            assertEquals(expected, found.value(), 1e-3 * expected);

            for (int i = 0; i < count; i++) {
                int[] one = Arrays.copyOfRange(tokens, i * window, (i + 1) * window);
                if (i == 0 || i == count - 1) {
                    double nll = Math.log(TokenPerplexity.evaluate(
                                    weights,
                                    backend,
                                    "",
                                    one,
                                    new EvaluationSettings(window, 0, 0, temporary),
                                    Progress.NONE)
                            .value());
                    assertEquals(reference.get("window_nll").get(i).asDouble(), nll, 1e-3, "window " + i);
                }
            }
        }
    }
}
