package io.cospadi.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;

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
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The model that ships inside, on its held-out text, against transformers and the harness' window rules (fixtures/demo). */
class DemoModelPerplexityTest {
    @TempDir
    Path folder;

    private Path text;

    @BeforeEach
    void unpack() throws IOException {
        for (String name : new String[] {
            "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "heldout.txt"
        }) {
            try (InputStream resource = getClass().getResourceAsStream("/io/cospadi/demo/" + name)) {
                Files.copy(resource, folder.resolve(name));
            }
        }
        text = folder.resolve("heldout.txt");
    }

    private JsonNode reference(String name) throws IOException {
        try (InputStream json = getClass().getResourceAsStream("/fixtures/demo/" + name)) {
            return new ObjectMapper().readTree(json);
        }
    }

    @Test
    void bothPerplexitiesEqualTheReferences() throws IOException {
        String content = RawText.read(text);
        int[] tokens;
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            tokens = tokenizer.encode(content);
        }
        try (Backend backend = new CpuBackend(2);
                ModelWeights weights = new DenseWeights(Checkpoint.open(folder))) {
            JsonNode token = reference("reference.json");
            assertEquals(token.get("ids").asInt(), tokens.length);
            EvaluationSettings settings =
                    new EvaluationSettings(token.get("window").asInt(), 0, 1 << 20, folder);
            Perplexity found =
                    TokenPerplexity.evaluate(weights, backend, "heldout.txt", tokens, settings, Progress.NONE);
            assertEquals(token.get("windows").asInt(), found.windows());
            assertEquals(token.get("targets").asLong(), found.tokens());
            assertClose(token.get("perplexity").asDouble(), found.value());

            JsonNode word = reference("word.json");
            found = WordPerplexity.evaluate(
                    weights,
                    backend,
                    "heldout.txt",
                    content,
                    tokens,
                    word.get("prefix").asInt(),
                    word.get("max_length").asInt(),
                    settings,
                    Progress.NONE);
            assertEquals(word.get("windows").asInt(), found.windows());
            assertEquals(word.get("tokens").asLong(), found.tokens());
            assertEquals(word.get("words").asLong(), found.words());
            assertClose(word.get("word_perplexity").asDouble(), found.value());
        }
    }

    /** Two f32 forward passes, averaged over 24,000 tokens. */
    private static void assertClose(double expected, double found) {
        assertEquals(expected, found, 1e-5 * expected);
    }
}
