package io.cospadi.decoder;

/**
 * How the next token is drawn from the logits.
 *
 * @param temperature 0 for the most likely token (the lowest id on ties), else logits are divided by it
 * @param topP        only the most likely tokens whose probabilities first sum to at least this are kept; 1 keeps all
 * @param seed        equal seeds give equal tokens
 */
public record Sampling(double temperature, double topP, long seed) {
    /** The most likely token every time. */
    public static final Sampling GREEDY = new Sampling(0, 1, 42);

    public Sampling {
        if (!(temperature >= 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException("temperature must be 0 or more, got " + temperature);
        }
        if (!(topP > 0 && topP <= 1)) {
            throw new IllegalArgumentException("top-p must be above 0 and at most 1, got " + topP);
        }
    }
}
