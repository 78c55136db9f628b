package io.cospadi.backend;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * A fixed set of workers, the caller among them, that share out numbered tasks. Which worker runs which task is chance; a
 * task may write only what belongs to its number, so the result is not.
 *
 * <p>One caller at a time; tasks do not start tasks.
 */
final class Workers implements AutoCloseable {
    /** One share of the work. */
    @FunctionalInterface
    interface Task {
        void run(int number, Scratch scratch);
    }

    /** Long enough to bridge the gap between two verbs of one layer, short beside the operating system's time slice. */
    private static final int SPINS = 2000;

    private static final long DOZE_NANOS = 20_000;

    private final Thread[] helpers;
    private final Scratch callerScratch = new Scratch();
    private volatile Job job;
    private volatile boolean closed;

    Workers(int threads) {
        helpers = new Thread[threads - 1];
        for (int i = 0; i < helpers.length; i++) {
            helpers[i] = new Thread(this::serve, "cospadi-worker-" + (i + 1));
            helpers[i].setDaemon(true);
            helpers[i].start();
        }
    }

    int threads() {
        return helpers.length + 1;
    }

    /** Runs tasks 0 .. count-1 and returns when all are done; the first failure is thrown. */
    void run(int count, Task task) {
        if (closed) {
            throw new IllegalStateException("the backend is used after it was closed");
        }
        if (count <= 1 || helpers.length == 0) {
            for (int i = 0; i < count; i++) {
                task.run(i, callerScratch);
            }
            return;
        }
        Job shared = new Job(task, count, Thread.currentThread());
        job = shared;
        for (int i = 0; i < Math.min(helpers.length, count - 1); i++) {
            LockSupport.unpark(helpers[i]);
        }
        shared.take(callerScratch);
        shared.await();
        job = null;
    }

    private void serve() {
        try (Scratch scratch = new Scratch()) {
            Job last = null;
            int idle = 0;
            while (!closed) {
                Job current = job;
                if (current != null && current != last) {
                    current.take(scratch);
                    last = current;
                    idle = 0;
                } else if (++idle < SPINS) {
                    Thread.onSpinWait();
                } else {
                    last = null;
                    LockSupport.park(this);
                    idle = SPINS / 2;
                }
            }
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        for (Thread helper : helpers) {
            LockSupport.unpark(helper);
        }
        boolean interrupted = false;
        for (Thread helper : helpers) {
            while (helper.isAlive()) {
                try {
                    helper.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        callerScratch.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** One call's tasks; a worker that comes late finds none left. */
    private static final class Job {
        private final Task task;
        private final int count;
        private final Thread caller;
        private final AtomicInteger next = new AtomicInteger();
        private final AtomicInteger done = new AtomicInteger();
        private final AtomicReference<Throwable> failure = new AtomicReference<>();

        Job(Task task, int count, Thread caller) {
            this.task = task;
            this.count = count;
            this.caller = caller;
        }

        void take(Scratch scratch) {
            for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
                try {
                    if (failure.get() == null) {
                        task.run(i, scratch);
                    }
                } catch (Throwable e) {
                    failure.compareAndSet(null, e);
                } finally {
                    if (done.incrementAndGet() == count && Thread.currentThread() != caller) {
                        LockSupport.unpark(caller);
                    }
                }
            }
        }

        void await() {
            for (int i = 0; done.get() < count; i++) {
                if (i < SPINS) {
                    Thread.onSpinWait();
                } else {
                    LockSupport.parkNanos(this, DOZE_NANOS);
                }
            }
            Throwable failed = failure.get();
            if (failed instanceof RuntimeException e) {
                throw e;
            } else if (failed instanceof Error e) {
                throw e;
            } else if (failed != null) {
                throw new IllegalStateException(failed);
            }
        }
    }
}
