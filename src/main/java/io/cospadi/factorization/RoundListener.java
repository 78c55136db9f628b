package io.cospadi.factorization;

/**
 * Told after every round of a solver, in order, on the solver's thread: at once on the CPU, on a GPU when the round's error has
 * arrived, which may be when later rounds are queued already.
 */
@FunctionalInterface
public interface RoundListener {
    /** Nobody listens. */
    RoundListener NONE = (round, rounds, error) -> {};

    /**
     * @param round  rounds finished, from 1
     * @param rounds rounds asked for
     * @param error  relative error of that round's factors before any rounding
     */
    void finished(int round, int rounds, double error);

    /** All work on the factors is queued, and what follows waits for it: the moment to make ready what comes next. */
    default void queued() {}

    /** Hears of no round. */
    static RoundListener whenQueued(Runnable action) {
        return new RoundListener() {
            @Override
            public void finished(int round, int rounds, double error) {}

            @Override
            public void queued() {
                action.run();
            }
        };
    }
}
