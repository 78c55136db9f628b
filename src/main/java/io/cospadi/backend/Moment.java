package io.cospadi.backend;

/** A place among the verbs, see {@link Backend#moment}; whoever asked for it closes it, before the backend. */
public interface Moment extends AutoCloseable {
    /** Seconds from when the verbs before {@code earlier} were done until those before this were; waits for both. */
    double secondsSince(Moment earlier);

    @Override
    void close();

    /** A time of the host's, where verbs are done when they return. */
    record OfHost(long nanos) implements Moment {
        @Override
        public double secondsSince(Moment earlier) {
            return (nanos - ((OfHost) earlier).nanos) * 1e-9;
        }

        @Override
        public void close() {}
    }
}
