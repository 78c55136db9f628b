package io.cospadi.backend;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A fixed team of threads, the caller one of them, that splits an index range into one contiguous part a thread. The split
 * depends on the range and the thread count alone, so that results do too.
 */
final class Workers implements AutoCloseable {
    /** The work on {@code from .. to-1}; {@code worker} is below the thread count and names the part. */
    @FunctionalInterface
    interface Part {
        void run(int from, int to, int worker);
    }

    private final int threads;
    private final ExecutorService others;

    Workers(int threads) {
        this.threads = threads;
        this.others = threads == 1
                ? null
                : Executors.newFixedThreadPool(threads - 1, runnable -> {
                    Thread thread = new Thread(runnable, "cospadi-worker");
                    thread.setDaemon(true);
                    return thread;
                });
    }

    int threads() {
        return threads;
    }

    /** Runs {@code part} over 0 .. n-1 in at most {@code threads} parts of at least {@code grain} each, and waits for all. */
    void run(int n, int grain, Part part) {
        int parts = Math.max(1, Math.min(threads, n / Math.max(1, grain)));
        if (n <= 0) {
            return;
        }
        if (parts == 1) {
            part.run(0, n, 0);
            return;
        }
        CountDownLatch done = new CountDownLatch(parts - 1);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        for (int i = 1; i < parts; i++) {
            int worker = i;
            others.execute(() -> {
                try {
                    part.run(start(n, parts, worker), start(n, parts, worker + 1), worker);
                } catch (Throwable e) {
                    failure.compareAndSet(null, e);
                } finally {
                    done.countDown();
                }
            });
        }
        try {
            part.run(0, start(n, parts, 1), 0);
        } finally {
            await(done);
        }
        Throwable thrown = failure.get();
        if (thrown instanceof RuntimeException e) {
            throw e;
        }
        if (thrown instanceof Error e) {
            throw e;
        }
    }

    private static int start(int n, int parts, int i) {
        return (int) ((long) n * i / parts);
    }

    /** The native calls of the other parts cannot be interrupted, so an interrupt is kept for the caller. */
    private static void await(CountDownLatch done) {
        boolean interrupted = false;
        while (true) {
            try {
                done.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        if (others != null) {
            others.shutdown();
        }
    }
}
