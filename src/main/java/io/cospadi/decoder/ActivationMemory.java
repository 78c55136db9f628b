package io.cospadi.decoder;

import io.cospadi.backend.Backend;

/** How many hidden states a pass keeps in memory. */
public final class ActivationMemory {
    /** Bytes of them unless there is more to spare. */
    public static final long LEAST_BYTES = 512L << 20;

    private ActivationMemory() {}

    /**
     * Bytes of hidden states to keep in memory. On a device as many as it has to spare, but for a quarter: what goes to a file
     * crosses to the host and back with every layer, while the device waits.
     *
     * @param foretold bytes that the pass takes with {@link #LEAST_BYTES} of them, and all else that is held meanwhile
     */
    public static long of(Backend backend, long foretold) {
        long spare = backend.queuesAhead() ? backend.availableBytes() - foretold : 0;
        return LEAST_BYTES + Math.max(0, spare) / 4 * 3;
    }
}
