package io.cospadi.benchmark;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/** Equal operands in memory of their own, to be used in turn. Closing closes them all. */
final class Copies<T extends AutoCloseable> implements AutoCloseable {
    private final List<T> all = new ArrayList<>();

    /** @param make called with 0, 1, ... */
    Copies(int count, IntFunction<T> make) {
        try {
            for (int i = 0; i < count; i++) {
                all.add(make.apply(i));
            }
        } catch (RuntimeException | Error failure) {
            close();
            throw failure;
        }
    }

    int count() {
        return all.size();
    }

    T get(int turn) {
        return all.get(turn % all.size());
    }

    @Override
    public void close() {
        for (T each : all) {
            try {
                each.close();
            } catch (Exception e) {
                throw new IllegalStateException("an operand can't be closed", e);
            }
        }
        all.clear();
    }
}
