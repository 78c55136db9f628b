package io.cospadi.backend;

/** Verbs to run again, see {@link Backend#record}; whoever asked for it closes it, before the backend. */
public interface Recording extends AutoCloseable {
    /**
     * Runs them, with {@code offset} added to the position of every {@link DecoderVerbs#rotate}, {@link DecoderVerbs#append} and
     * {@link DecoderVerbs#attention} among them.
     */
    void replay(int offset);

    @Override
    void close();
}
