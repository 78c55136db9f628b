package io.cospadi.gpu;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/**
 * Who may use which bytes of a ring of staging memory: pieces are handed out one behind the other, and before bytes are handed out
 * anew, whatever kept them from being used is waited for. So many small pieces can be on their way at once, or a few large ones.
 *
 * @param <E> what a piece is held until: an event of the device
 */
final class StagingRing<E> {
    /** Pieces that may be on their way at once: each has an event of the device. */
    private static final int MOST = 256;

    /** Pieces begin on such a boundary, where transfers are fastest. */
    private static final int ALIGNMENT = 256;

    private final int bytes;
    private final Consumer<E> wait;
    /** In the order they were handed out. */
    private final Deque<Piece<E>> held = new ArrayDeque<>();

    private int next;
    /** Handed out and not held yet. */
    private int from;

    private int to;

    private record Piece<E>(int from, int to, E until) {}

    /**
     * @param bytes of the ring
     * @param wait  returns when the piece is free; called once for each
     */
    StagingRing(int bytes, Consumer<E> wait) {
        this.bytes = bytes;
        this.wait = wait;
    }

    /**
     * Where {@code count} bytes begin that nobody uses; {@link #hold} them before the next are asked for.
     *
     * @param count at most the ring's bytes
     */
    int take(int count) {
        while (held.size() >= MOST) {
            wait.accept(held.remove().until());
        }
        if (count > bytes - next) {
            free(next, bytes);
            next = 0;
        }
        free(next, next + count);
        from = next;
        to = next + count;
        next = Math.min(bytes, (to + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
        return from;
    }

    /** The bytes taken last are in use until then. */
    void hold(E until) {
        held.add(new Piece<>(from, to, until));
    }

    /** All that was handed out is free. */
    void drain() {
        while (!held.isEmpty()) {
            wait.accept(held.remove().until());
        }
    }

    /** Pieces lie in the ring as they were handed out, so those in the way are the oldest. */
    private void free(int from, int to) {
        while (!held.isEmpty() && held.element().from() < to && held.element().to() > from) {
            wait.accept(held.remove().until());
        }
    }
}
