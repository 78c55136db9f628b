package io.cospadi.backend;

/**
 * Codes (d2, k) with exactly s stored positions a row, packed in a backend's memory for {@link DecoderVerbs#multiplyCodes}.
 * Whoever allocates closes; closing twice is harmless.
 */
public interface SparseMatrix extends AutoCloseable {
    int rows();

    int cols();

    /** Stored positions in each row. */
    int nonzerosPerRow();

    /** Bytes held in the backend's memory. */
    long bytes();

    @Override
    void close();

    /** "(rows, cols) with s a row", for messages. */
    default String shape() {
        return "(" + rows() + ", " + cols() + ") with " + nonzerosPerRow() + " a row";
    }
}
