package io.cospadi.cli;

/** What the process leaves behind for scripts. */
final class ExitStatus {
    static final int DONE = 0;
    static final int FAILED = 1;
    static final int USAGE = 2;
    /** Stopped by SIGTERM or SIGINT; finished work is kept (EX_TEMPFAIL of sysexits). */
    static final int STOPPED = 75;

    private ExitStatus() {}
}
