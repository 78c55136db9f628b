package io.cospadi.backend;

/** One product on operands that stay; whoever asked for it closes it. */
public interface VendorProduct extends AutoCloseable {
    /** Computes it, queued as verbs are. */
    void multiply();

    /** Bytes of the weight or codes that it reads. */
    long bytes();

    @Override
    void close();
}
