package io.cospadi.evaluation;

import io.cospadi.backend.Backend;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.util.List;

/**
 * {@code exp(mean -log p(t_i | tokens of its window before it))} over tokens 1 .. window-1 of disjoint windows of a text. What
 * SVD-LLM, GPTQ and Wanda print, except that their windows have 2,048 tokens or the model's maximum.
 */
public final class TokenPerplexity {
    private TokenPerplexity() {}

    /**
     * @param file   named in the result and in messages
     * @param tokens the text, tokenised once with the tokenizer's own special tokens
     * @throws CospadiException for less than 2 tokens, or a window longer than the model's positions
     */
    public static Perplexity evaluate(
            ModelWeights weights,
            Backend backend,
            String file,
            int[] tokens,
            EvaluationSettings settings,
            Progress progress) {
        List<ScoredWindow> windows = windows(weights.config(), file, tokens, settings);
        double sum = WindowScorer.negativeLogLikelihood(weights, backend, windows, settings, progress);
        long scored = ScoredWindow.scored(windows);
        return new Perplexity(file, "token", settings.window(), windows.size(), scored, null, Math.exp(sum / scored));
    }

    static List<ScoredWindow> windows(ModelConfig config, String file, int[] tokens, EvaluationSettings settings) {
        if (settings.window() > config.maxPositions()) {
            throw new CospadiException("a window of " + settings.window() + " tokens, but the model has "
                    + config.maxPositions() + " positions; choose a window of at most that");
        }
        if (tokens.length < 2) {
            throw new CospadiException(
                    file + ": " + tokens.length + " tokens, expected at least 2; there is nothing to predict");
        }
        return ScoredWindow.disjoint(tokens, settings.window(), settings.maxWindows());
    }
}
