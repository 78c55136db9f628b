package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.Reading;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;

/**
 * The error after each round, told to the listener in order; decides when a tolerance is met. A round does not wait for its error:
 * what a device computed is told when it has arrived, while the rounds behind it are queued, and what is still under way behind the
 * last round is waited for in {@link #settle}. No more than {@value #AHEAD} rounds are ahead of the one that is told: enough to keep a
 * device at work, and whoever stops a job does not wait for more. Only a tolerance makes each round wait, as the next one depends on it.
 */
final class RoundHistory {
    private static final int AHEAD = 2;

    private final Backend backend;
    private final double[] errors;
    private final double tolerance;
    private final RoundListener listener;
    private final Deque<Reading> underWay = new ArrayDeque<>();
    private int told;

    RoundHistory(Backend backend, int rounds, double tolerance, RoundListener listener) {
        this.backend = backend;
        errors = new double[rounds];
        this.tolerance = tolerance;
        this.listener = listener;
    }

    /**
     * Records one round.
     *
     * @param error      scalar, free for the next round at once
     * @param comparable whether this round and the last fitted the same number of codes, so that their errors compare
     * @return whether the solver should stop: tolerance is set and the round improved the error by a smaller share than it
     * @throws ArithmeticException if this round's error, or that of one before, is not finite
     */
    boolean finished(Matrix error, boolean comparable) {
        underWay.add(backend.read(error));
        if (tolerance > 0) {
            settle();
            return comparable && told > 1 && errors[told - 2] - errors[told - 1] < tolerance * errors[told - 2];
        }
        while (!underWay.isEmpty()
                && (underWay.size() > AHEAD || underWay.peek().arrived())) {
            tell();
        }
        return false;
    }

    /**
     * Waits for the rounds that are not told yet, and tells them.
     *
     * @throws ArithmeticException if the error of one is not finite
     */
    void settle() {
        while (!underWay.isEmpty()) {
            tell();
        }
    }

    private void tell() {
        double error = underWay.remove().value();
        errors[told++] = error;
        if (!Double.isFinite(error)) {
            throw new ArithmeticException("the error after round " + told + " is " + error);
        }
        listener.finished(told, errors.length, error);
    }

    /** One error a finished round; waits as {@link #settle} does. */
    double[] errors() {
        settle();
        return Arrays.copyOf(errors, told);
    }
}
