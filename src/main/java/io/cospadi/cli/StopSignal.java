package io.cospadi.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * SIGTERM, SIGINT and SIGHUP, as the virtual machine reports them: by its shutdown hooks. A command that can stop in good
 * order asks {@link #requested}; after a short grace the process ends with status 75 either way, which loses nothing,
 * because whatever is finished lies on disk under its final name.
 */
final class StopSignal {
    private static final long GRACE_MILLIS = 1500;

    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean requested;
    private volatile boolean leaving;
    private volatile boolean orderly;
    private volatile String hint = "nothing was written";

    /** Takes over what the virtual machine does on a signal; called once, by the process's main. */
    void install(Terminal terminal) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stopped(terminal), "stop"));
    }

    /** Whether to stop at the next point where that is possible. */
    boolean requested() {
        return requested;
    }

    /** Says that the command asks {@link #requested} often, and what to tell the user if it is stopped before it could. */
    void orderly(String newHint) {
        orderly = true;
        hint = newHint;
    }

    /** What to tell the user of a command that does not ask. */
    void hint(String newHint) {
        hint = newHint;
    }

    /** The command is over and main about to exit by itself; false if a signal was faster, which then ends the process. */
    boolean leave() {
        leaving = true;
        ended.countDown();
        return !requested;
    }

    private void stopped(Terminal terminal) {
        if (leaving) {
            return;
        }
        requested = true;
        boolean inOrder = false;
        if (orderly) {
            try {
                inOrder = ended.await(GRACE_MILLIS, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        if (!inOrder) {
            terminal.columns().ifPresent(columns -> terminal.err().println());
            terminal.failure("stopped by a signal; " + hint);
        }
        terminal.err().flush();
        Runtime.getRuntime().halt(ExitStatus.STOPPED);
    }
}
