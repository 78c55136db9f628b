package io.cospadi.evaluation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Tokens that a model reads and the tokens it is asked to predict at the last positions of them.
 *
 * @param input   what the model reads; shared, not copied
 * @param targets target i is predicted at input position {@code input.length - targets.length + i}; shared, not copied
 */
record ScoredWindow(int[] input, int[] targets) {
    ScoredWindow {
        if (targets.length < 1 || targets.length > input.length) {
            throw new IllegalArgumentException(
                    targets.length + " targets of " + input.length + " input tokens; expected 1 to " + input.length);
        }
    }

    /** Input position at which the first target is predicted. */
    int firstPosition() {
        return input.length - targets.length;
    }

    /**
     * Disjoint windows of {@code window} tokens, in each of which tokens 1 .. window-1 are predicted from those before; a
     * partial last window is dropped, but a text of less than one window is one window.
     *
     * @param tokens     at least 2
     * @param maxWindows only the first so many; 0 for all
     */
    static List<ScoredWindow> disjoint(int[] tokens, int window, int maxWindows) {
        int length = Math.min(window, tokens.length);
        int count = tokens.length / length;
        if (maxWindows > 0) {
            count = Math.min(count, maxWindows);
        }
        List<ScoredWindow> windows = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            int from = i * length;
            // the last token is only ever a target, so the model needn't read it
            windows.add(new ScoredWindow(
                    Arrays.copyOfRange(tokens, from, from + length - 1),
                    Arrays.copyOfRange(tokens, from + 1, from + length)));
        }
        return windows;
    }

    /**
     * Windows that predict every token exactly once: the first reads the prefix token and predicts up to
     * {@code maxLength} tokens; later ones see one token of context, and the last one as much context as fills maxLength.
     *
     * @param tokens at least 1
     * @see "lm-evaluation-harness, get_rolling_token_windows with context_len 1"
     */
    static List<ScoredWindow> rolling(int[] tokens, int prefix, int maxLength) {
        List<ScoredWindow> windows = new ArrayList<>();
        int first = Math.min(maxLength, tokens.length);
        int[] input = new int[first];
        input[0] = prefix;
        System.arraycopy(tokens, 0, input, 1, first - 1);
        windows.add(new ScoredWindow(input, Arrays.copyOf(tokens, first)));
        for (int done = first; done < tokens.length; ) {
            int end = done + Math.min(maxLength, tokens.length - done);
            int from = end - maxLength - 1;
            windows.add(
                    new ScoredWindow(Arrays.copyOfRange(tokens, from, end - 1), Arrays.copyOfRange(tokens, done, end)));
            done = end;
        }
        return windows;
    }

    static long scored(List<ScoredWindow> windows) {
        return windows.stream().mapToLong(window -> window.targets.length).sum();
    }
}
