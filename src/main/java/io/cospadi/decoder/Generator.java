package io.cospadi.decoder;

import io.cospadi.backend.Matrix;
import io.cospadi.tensor.CospadiException;
import java.util.Arrays;
import java.util.function.IntConsumer;

/** Continues a prompt token by token. */
public final class Generator {
    /** Prompt tokens that run through the model at once. */
    private static final int PROMPT_CHUNK = 512;

    private final ResidentModel model;
    private final int[] endTokens;

    /**
     * @param model     used, not owned
     * @param endTokens generation stops after any of these; they are not part of the result
     */
    public Generator(ResidentModel model, int[] endTokens) {
        this.model = model;
        this.endTokens = endTokens.clone();
    }

    /**
     * What was generated.
     *
     * @param tokens        ids after the prompt, the end token excluded
     * @param ended         whether an end token stopped it
     * @param promptSeconds time to read the prompt and choose the first token
     * @param seconds       time of the one-token steps after it
     * @param steps         how many of those were asked for
     */
    public record Result(int[] tokens, boolean ended, double promptSeconds, double seconds, int steps) {
        /** One-token steps a second; 0 if there were none. */
        public double tokensPerSecond() {
            return steps == 0 || seconds == 0 ? 0 : steps / seconds;
        }
    }

    /**
     * Forgets what came before, reads the prompt and generates at most {@code maxTokens} tokens.
     *
     * @param prompt   at least one token
     * @param listener told of each token as it appears
     * @throws CospadiException if prompt and tokens do not fit the model's cache, or the logits are not finite
     */
    public Result generate(int[] prompt, int maxTokens, Sampling sampling, IntConsumer listener) {
        if (prompt.length == 0) {
            throw new CospadiException("the prompt has no tokens; give at least one");
        }
        if ((long) prompt.length + maxTokens > model.capacity()) {
            throw new CospadiException("a prompt of " + prompt.length + " tokens and " + maxTokens
                    + " new ones need " + ((long) prompt.length + maxTokens) + " positions, the model has "
                    + model.capacity() + "; shorten the prompt or ask for fewer tokens");
        }
        model.rewind(0);
        int[] tokens = new int[maxTokens];
        int count = 0;
        boolean ended = false;

        long start = System.nanoTime();
        Matrix states = null;
        for (int from = 0; from < prompt.length; from += PROMPT_CHUNK) {
            states = model.advance(Arrays.copyOfRange(prompt, from, Math.min(from + PROMPT_CHUNK, prompt.length)));
        }
        try (Matrix logits = model.logitsOfLast(states);
                Continuation continuation = new Continuation(model, logits, maxTokens, sampling)) {
            long read = System.nanoTime();
            boolean known = false;
            while (count < maxTokens && !ended) {
                int token = continuation.next();
                if (!known) {
                    read = System.nanoTime(); // the first token waits for the prompt
                    known = true;
                }
                ended = isEnd(token);
                if (!ended) {
                    tokens[count++] = token;
                    listener.accept(token);
                }
            }
            double seconds = (System.nanoTime() - read) * 1e-9;
            int steps = Math.max(0, count - (ended ? 0 : 1));
            return new Result(Arrays.copyOf(tokens, count), ended, (read - start) * 1e-9, seconds, steps);
        }
    }

    private boolean isEnd(int token) {
        for (int end : endTokens) {
            if (token == end) {
                return true;
            }
        }
        return false;
    }
}
