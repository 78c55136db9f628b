package io.cospadi.gpu;

/** How many bytes of a device its pools may hold, and do hold, in use or kept: one account for all of them. */
final class MemoryLimit {
    private final long most;
    private long held;

    /** @param most {@code Long.MAX_VALUE} for what the device has */
    MemoryLimit(long most) {
        this.most = most;
    }

    boolean isNone() {
        return most == Long.MAX_VALUE;
    }

    long most() {
        return most;
    }

    boolean allows(long more) {
        return isNone() || held + more <= most;
    }

    void hold(long bytes) {
        held += bytes;
    }

    void release(long bytes) {
        held -= bytes;
    }

    long held() {
        return held;
    }

    /** What may still be held. */
    long left() {
        return most - held;
    }
}
