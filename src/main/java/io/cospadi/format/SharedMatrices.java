package io.cospadi.format;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Dictionaries and low-rank bases that several projections of a folder share: in memory once, from the first member that is
 * loaded until the last one is closed. One that no member holds any more is loaded again.
 */
final class SharedMatrices {
    private final Map<Place, Matrix> loaded = new HashMap<>();

    private record Place(Backend backend, String name) {}

    /**
     * The matrix for one more member, which closes it.
     *
     * @param name of the stored tensor, or what the names of several begin with
     * @param load reads it where no member holds it
     */
    Matrix hold(Backend backend, String name, Supplier<Matrix> load) {
        Place place = new Place(backend, name);
        Matrix held = loaded.get(place);
        if (held != null) {
            var once = held.share();
            if (once.isPresent()) {
                return once.get();
            }
        }
        Matrix fresh = load.get();
        loaded.put(place, fresh);
        return fresh;
    }
}
