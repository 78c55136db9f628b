package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * Matrices by name, loaded when they are taken; or before, while a device still computes with others, where it has room to spare.
 * What is taken is the same either way.
 */
final class LoadedAhead implements AutoCloseable {
    private final Backend backend;
    private final Function<String, Matrix> loader;
    private final Map<String, Matrix> ahead = new HashMap<>();

    /** @param loader of a matrix into memory of its own; throws what {@link #take} throws */
    LoadedAhead(Backend backend, Function<String, Matrix> loader) {
        this.backend = backend;
        this.loader = loader;
    }

    /**
     * Loads what is taken next, if that goes on beside the work that is queued.
     *
     * @param bytes of it
     * @param room  bytes that have to stay free for what is in hand
     */
    void expect(String name, long bytes, long room) {
        if (!ahead.containsKey(name) && backend.queuesAhead() && backend.availableBytes() > bytes + room) {
            try {
                ahead.put(name, loader.apply(name));
            } catch (RuntimeException e) {
                // whoever takes it is told; what is in hand is not lost for it
            }
        }
    }

    /** The matrix, the caller's from here on. */
    Matrix take(String name) {
        Matrix loaded = ahead.remove(name);
        return loaded != null ? loaded : loader.apply(name);
    }

    /** Frees what nobody took. */
    @Override
    public void close() {
        ahead.values().forEach(Matrix::close);
        ahead.clear();
    }
}
