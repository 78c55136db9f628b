package io.cospadi.backend;

import java.util.ArrayList;
import java.util.List;

/**
 * How fast all threads together read memory: every thread sums an array of its own, together far larger than any cache, so
 * each byte comes from memory once.
 */
final class MemoryRate {
    private static final int LONGS = 48 << 20;

    private final List<long[]> arrays = new ArrayList<>();
    private volatile long sink;

    MemoryRate(int threads) {
        for (int i = 0; i < threads; i++) {
            long[] array = new long[LONGS / threads];
            java.util.Arrays.fill(array, i + 1); // pages that were never written would all be one page of zeros
            arrays.add(array);
        }
        measure(); // compiles the loop
    }

    /** Bytes a second. */
    double measure() {
        long[] sums = new long[arrays.size()];
        long began = System.nanoTime();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < arrays.size(); i++) {
            int index = i;
            Thread thread = new Thread(() -> sums[index] = sum(arrays.get(index)), "memory-" + i);
            thread.start();
            threads.add(thread);
        }
        try {
            for (Thread thread : threads) {
                thread.join();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while measuring", e);
        }
        double seconds = (System.nanoTime() - began) * 1e-9;
        for (long sum : sums) {
            sink += sum;
        }
        return 8.0 * arrays.size() * arrays.get(0).length / seconds;
    }

    /** Integer additions may be reordered, so the compiler vectorises this; floats' may not. */
    private static long sum(long[] array) {
        long sum = 0;
        for (long value : array) {
            sum += value;
        }
        return sum;
    }
}
