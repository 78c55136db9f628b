package io.cospadi.decoder;

/**
 * How the next token is drawn from the logits.
 *
 * @param temperature 0 for the most likely token (the lowest id on ties), as what is below 1e-6, else logits are divided by it
 * @param topP        only the most likely tokens whose probabilities first sum to at least this are kept; 1 keeps all
 * @param seed        equal seeds give equal tokens
 */
public record Sampling(double temperature, double topP, long seed) {
    /** The most likely token every time. */
    public static final Sampling GREEDY = new Sampling(0, 1, 42);

    /** Divided by less, f32 logits may overflow; by this only equals of the largest have a chance. */
    private static final double LEAST_TEMPERATURE = 1e-6;

    public Sampling {
        if (!(temperature >= 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException("temperature must be 0 or more, got " + temperature);
        }
        if (!(topP > 0 && topP <= 1)) {
            throw new IllegalArgumentException("top-p must be above 0 and at most 1, got " + topP);
        }
    }

    /** Whether it is the most likely token every time. */
    boolean isGreedy() {
        return temperature < LEAST_TEMPERATURE;
    }
}
