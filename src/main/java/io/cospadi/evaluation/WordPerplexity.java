package io.cospadi.evaluation;

import io.cospadi.backend.Backend;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.util.Arrays;
import java.util.List;

/**
 * {@code exp(-log p(text) / words)} of a text as one document: every token is predicted once, in rolling windows that begin
 * with the tokenizer's prefix token (BOS, else EOS), and words are the pieces of Python's {@code re.split(r"\s+", text)}.
 *
 * <p>lm-evaluation-harness' wikitext task does this page by page on detokenised pages; here a file is one document, raw, so
 * the figure is comparable between models on one file, not with the harness' table. A text whose tokens already begin with
 * the prefix token gets no second one (the harness' 0.4.8 rule). Windows are as long as the model's positions unless a limit
 * is given: attention's time grows with their square.
 */
public final class WordPerplexity {
    private WordPerplexity() {}

    /**
     * @param file      named in the result and in messages
     * @param text      the raw text
     * @param tokens    the same text, tokenised once with the tokenizer's own special tokens
     * @param prefix    BOS, or EOS where the tokenizer has no BOS
     * @param maxLength longest window; 0 for the model's positions
     * @throws CospadiException if there is no token to predict, or maxLength is beyond the model's positions
     */
    public static Perplexity evaluate(
            ModelWeights weights,
            Backend backend,
            String file,
            String text,
            int[] tokens,
            int prefix,
            int maxLength,
            EvaluationSettings settings,
            Progress progress) {
        ModelConfig config = weights.config();
        int length = maxLength == 0 ? config.maxPositions() : maxLength;
        if (length < 1 || length > config.maxPositions()) {
            throw new CospadiException("a window of " + length + " tokens, but the model has " + config.maxPositions()
                    + " positions; choose a window of at most that");
        }
        boolean prefixed = tokens.length > 0 && tokens[0] == prefix;
        int[] predicted = prefixed ? Arrays.copyOfRange(tokens, 1, tokens.length) : tokens;
        if (predicted.length == 0) {
            throw new CospadiException(file + ": no tokens, expected at least 1; there is nothing to predict");
        }
        List<ScoredWindow> windows = ScoredWindow.rolling(predicted, prefix, length);
        double sum = WindowScorer.negativeLogLikelihood(weights, backend, windows, settings, progress);
        long words = words(text);
        return new Perplexity(
                file, "word", length, windows.size(), ScoredWindow.scored(windows), words, Math.exp(sum / words));
    }

    /**
     * Pieces of Python's {@code re.split(r"\s+", text)}, the empty ones at the ends included: one more than there are runs of
     * white space. Python counts U+001C .. U+001F as white space, Java's regular expressions don't.
     */
    static long words(String text) {
        long pieces = 1;
        boolean inSpace = false;
        for (int i = 0; i < text.length(); i++) {
            boolean space = isPythonSpace(text.charAt(i));
            if (space && !inSpace) {
                pieces++;
            }
            inSpace = space;
        }
        return pieces;
    }

    private static boolean isPythonSpace(char c) {
        return c == ' '
                || (c >= 0x09 && c <= 0x0D)
                || (c >= 0x1C && c <= 0x1F)
                || c == 0x85
                || c == 0xA0
                || c == 0x1680
                || (c >= 0x2000 && c <= 0x200A)
                || c == 0x2028
                || c == 0x2029
                || c == 0x202F
                || c == 0x205F
                || c == 0x3000;
    }

    /**
     * Whether the text looks like WikiText's tokenised version (" @-@ ", " @,@ "), whose word perplexity is no paper's figure:
     * the published ones are of the raw version.
     */
    public static boolean isTokenizedWikiText(String text) {
        return text.contains(" @-@ ") || text.contains(" @,@ ");
    }
}
