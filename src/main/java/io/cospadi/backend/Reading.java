package io.cospadi.backend;

/**
 * A number on its way to the host, see {@link Storage#read}. Nobody has to ask for it, and it outlives the matrix that it was
 * read from, and the backend.
 */
public interface Reading {
    /** Whether it is there, so that {@link #value} returns at once. */
    boolean arrived();

    /** The number; waits for it. */
    double value();

    /** One that is there. */
    static Reading of(double value) {
        return new Reading() {
            @Override
            public boolean arrived() {
                return true;
            }

            @Override
            public double value() {
                return value;
            }
        };
    }
}
