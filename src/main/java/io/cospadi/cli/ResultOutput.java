package io.cospadi.cli;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Optional;

/** Where results go, with a memory for the first that could not be written: a {@link java.io.PrintStream} keeps that to itself. */
final class ResultOutput extends FilterOutputStream {
    /** What Linux says when whoever read has gone, as {@code head} does when it has seen enough. */
    private static final String READER_IS_GONE = "Broken pipe";

    private IOException failure;

    ResultOutput(OutputStream out) {
        super(out);
    }

    @Override
    public void write(int value) throws IOException {
        write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int count) throws IOException {
        try {
            out.write(bytes, offset, count);
        } catch (IOException e) {
            failure = failure == null ? e : failure;
            throw e;
        }
    }

    /** Why a result is missing where it was meant to go; empty where none is, or nobody wants it any more. */
    Optional<String> failure() {
        return Optional.ofNullable(failure).map(IOException::getMessage).filter(why -> !READER_IS_GONE.equals(why));
    }
}
