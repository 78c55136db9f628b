package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.calibration.TokenWindows;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.evaluation.EvaluationSettings;
import io.cospadi.evaluation.TokenPerplexity;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Text that nothing was calibrated on, by whose perplexity a job chooses its ratio.
 *
 * @param file    its name
 * @param windows the first {@link #WINDOWS} of it, or as many as there are
 */
record HeldOutText(String file, TokenWindows windows) {
    /** Windows that are evaluated: both models read the same ones, so few show what parts them. */
    static final int WINDOWS = 16;

    /**
     * Reads the text where the recipe asks for one.
     *
     * @throws CospadiException if it is calibration text too, or can't be read, or is less than a window
     */
    static Optional<HeldOutText> read(Checkpoint model, Recipe recipe, JobPlaces places) {
        if (recipe.maxPerplexityIncrease().isEmpty()) {
            return Optional.empty();
        }
        Path file = places.perplexityText().orElseThrow();
        for (Path calibration : places.data()) {
            if (isSame(file, calibration)) {
                throw new CospadiException("--perplexity-text " + file + " is calibration text too, on which perplexity"
                        + " rises by less than elsewhere; name a text that is not in --data");
            }
        }
        WindowSettings settings = new WindowSettings(WINDOWS, recipe.window(), false, 0);
        return Optional.of(new HeldOutText(
                file.getFileName().toString(),
                Calibrating.read(model, settings, "--window", List.of(file), warning -> {})));
    }

    private static boolean isSame(Path a, Path b) {
        try {
            return Files.isSameFile(a, b);
        } catch (IOException e) {
            return false; // whoever reads the one that is missing says so
        }
    }

    /** Token perplexity of a model, dense or compressed. */
    double perplexity(ModelWeights weights, Backend backend, Path spillFolder, Progress progress) {
        int[] tokens = windows.windows().stream().flatMapToInt(Arrays::stream).toArray();
        EvaluationSettings settings =
                EvaluationSettings.on(backend, weights.config(), windows.length(), 0, 1, spillFolder);
        return TokenPerplexity.evaluate(weights, backend, file, tokens, settings, progress)
                .value();
    }
}
