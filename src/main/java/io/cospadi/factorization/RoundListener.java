package io.cospadi.factorization;

/** Told after every round of a solver, on the solver's thread. */
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
}
