package io.cospadi.factorization;

import java.util.Arrays;

/** The error after each round, told to the listener as it comes; decides when a tolerance is met. */
final class RoundHistory {
    private final double[] errors;
    private final double tolerance;
    private final RoundListener listener;
    private int finished;

    RoundHistory(int rounds, double tolerance, RoundListener listener) {
        errors = new double[rounds];
        this.tolerance = tolerance;
        this.listener = listener;
    }

    /**
     * Records one round.
     *
     * @param comparable whether this round and the last fitted the same number of codes, so that their errors compare
     * @return whether the solver should stop: tolerance is set and the round improved the error by a smaller share than it
     */
    boolean finished(double error, boolean comparable) {
        boolean stop = comparable
                && tolerance > 0
                && finished > 0
                && errors[finished - 1] - error < tolerance * errors[finished - 1];
        errors[finished++] = error;
        listener.finished(finished, errors.length, error);
        return stop;
    }

    /** One error a finished round. */
    double[] errors() {
        return Arrays.copyOf(errors, finished);
    }
}
