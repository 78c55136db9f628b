package io.cospadi.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.compression.RunReport.Score;
import io.cospadi.evaluation.Divergence;
import io.cospadi.evaluation.Perplexity;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What {@code eval --json} printed, read back as figures of a report. */
final class EvaluationFile {
    private static final ObjectMapper JSON = new ObjectMapper();

    private EvaluationFile() {}

    /**
     * The figures of one evaluation.
     *
     * @param model label that they get
     * @throws CospadiException naming the file, if it is no evaluation
     */
    static List<Score> scores(Path file, String model) {
        JsonNode root;
        try {
            root = JSON.readTree(Files.readAllBytes(file));
        } catch (IOException e) {
            throw new CospadiException(file + " can't be read as the output of eval --json: " + e.getMessage(), e);
        }
        if (root == null || !root.path("perplexity").isArray()) {
            throw new CospadiException(file + " is no output of eval --json: it has no list \"perplexity\"");
        }
        List<Score> scores = new ArrayList<>();
        for (JsonNode entry : root.path("perplexity")) {
            for (String field : List.of("kind", "file", "window", "tokens", "value")) {
                if (!entry.hasNonNull(field)) {
                    throw new CospadiException(file + " has a perplexity without \"" + field + "\": " + entry);
                }
            }
            scores.add(new Score(
                    model,
                    entry.get("kind").asText(),
                    entry.get("file").asText(),
                    entry.get("window").asInt(),
                    entry.get("tokens").asLong(),
                    entry.get("value").asDouble()));
        }
        JsonNode kl = root.path("kl");
        if (kl.isObject()) {
            Divergence divergence = new Divergence(
                    kl.path("reference").asText(),
                    kl.path("file").asText(),
                    kl.path("window").asInt(),
                    kl.path("tokens").asLong(),
                    kl.path("mean").asDouble(),
                    kl.path("top1_agreement").asDouble());
            scores.addAll(scores(model, divergence));
        }
        return scores;
    }

    /** As it was measured in this process. */
    static Score score(String model, Perplexity perplexity) {
        return new Score(
                model,
                perplexity.kind(),
                perplexity.file(),
                perplexity.window(),
                perplexity.tokens(),
                perplexity.value());
    }

    /** Both figures of a comparison with the dense model. */
    static List<Score> scores(String model, Divergence kl) {
        return List.of(
                new Score(model, "kl", kl.file(), kl.window(), kl.tokens(), kl.mean()),
                new Score(model, "top1_agreement", kl.file(), kl.window(), kl.tokens(), kl.top1Agreement()));
    }
}
