package io.cospadi.compression;

/** The job was asked to stop and did; everything finished is kept. */
public final class StoppedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public StoppedException() {
        super("stopped on request", null, false, false);
    }
}
