package io.cospadi.benchmark;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Recording;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.IntConsumer;

/** Times a verb that runs many times in a row, so that what starting and clocks cost shows no more. */
final class KernelTimer {
    /** Of the runs of a repetition together. */
    private static final double SECONDS = 5e-3;

    private static final int MOST_RUNS = 1024;

    /** Of all repetitions together, which are fewer where one takes long, but not below three. */
    private static final double MOST_SECONDS = 3;

    private static final int LEAST_REPETITIONS = 3;

    private final Backend backend;
    private final int repetitions;

    KernelTimer(Backend backend, int repetitions) {
        this.backend = backend;
        this.repetitions = repetitions;
    }

    /**
     * Of a verb that returns nothing to the host: recorded where the backend can, as the decoder's are, so that the host's part
     * of a launch is no part of the time.
     *
     * @param turns how many operands take turns; the verb is called with 0, 1, ... and takes the remainder itself
     */
    Times recorded(int turns, IntConsumer verb) {
        int runs = Math.max(backend.name().equals("cpu") ? 1 : turns, runs(turns, verb));
        Optional<Recording> made = backend.record(() -> run(0, runs, verb));
        if (made.isEmpty()) {
            return direct(runs, verb);
        }
        try (Recording recording = made.get()) {
            recording.replay(0);
            double[] seconds = new double[repetitions];
            for (int i = 0; i < repetitions; i++) {
                seconds[i] = backend.seconds(() -> recording.replay(0)) / runs;
            }
            return Times.of(seconds);
        }
    }

    /** Of a verb that the host waits for, or that takes long beside a launch. */
    Times direct(IntConsumer verb) {
        return direct(runs(1, verb), verb);
    }

    private Times direct(int runs, IntConsumer verb) {
        double[] seconds = new double[repetitions];
        double all = 0;
        int done = 0;
        while (done < repetitions && (done < LEAST_REPETITIONS || all < MOST_SECONDS)) {
            int from = done * runs;
            double taken = backend.seconds(() -> run(from, runs, verb));
            all += taken;
            seconds[done++] = taken / runs;
        }
        return Times.of(Arrays.copyOf(seconds, done));
    }

    /** Runs a repetition, by one round of all turns that also warms up. */
    private int runs(int turns, IntConsumer verb) {
        run(0, turns, verb);
        double seconds = backend.seconds(() -> run(0, turns, verb)) / turns;
        return (int) Math.max(1, Math.min(MOST_RUNS, Math.ceil(SECONDS / seconds)));
    }

    private static void run(int from, int count, IntConsumer verb) {
        for (int turn = from; turn < from + count; turn++) {
            verb.accept(turn);
        }
    }
}
