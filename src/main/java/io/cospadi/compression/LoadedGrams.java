package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.calibration.GramStore;
import java.util.ArrayList;
import java.util.List;

/** The Grams of the task in hand; they stay for the next one if it reads the same inputs. */
final class LoadedGrams implements AutoCloseable {
    private final GramStore store;
    private final Backend backend;
    private final List<Matrix> grams = new ArrayList<>();
    private List<String> sites = List.of();

    LoadedGrams(GramStore store, Backend backend) {
        this.store = store;
        this.backend = backend;
    }

    /** The Gram of each of these sites, owned by this until the next call. */
    List<Matrix> of(List<String> wanted) {
        if (!wanted.equals(sites)) {
            close();
            for (String site : wanted) {
                grams.add(store.gram(site, backend));
            }
            sites = wanted;
        }
        return grams;
    }

    @Override
    public void close() {
        sites = List.of();
        grams.forEach(Matrix::close);
        grams.clear();
    }
}
