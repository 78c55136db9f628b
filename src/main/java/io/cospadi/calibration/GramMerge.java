package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Adds stored sums, a layer and a name at a time. */
final class GramMerge {
    private final List<StoredSums> stores;
    private final boolean shards;
    private final StoredSums merged;

    private GramMerge(List<StoredSums> stores, boolean shards, StoredSums merged) {
        this.stores = stores;
        this.shards = shards;
        this.merged = merged;
    }

    /**
     * Begins the merged store, or continues it.
     *
     * @param stores of one kind
     * @param shared whether others may fill the merged store at the same time
     */
    static GramMerge of(List<StoredSums> stores, Path out, boolean shared) {
        if (stores.isEmpty()) {
            throw new CospadiException("no Gram stores to merge; name at least one");
        }
        GramOrigin first = stores.get(0).origin();
        for (StoredSums store : stores) {
            requireEqual(store, "model", first.model(), store.origin().model());
            requireEqual(store, "layers", first.layers(), store.origin().layers());
            requireEqual(store, "settings", stores.get(0).settings(), store.settings());
            store.requireFinished();
        }
        boolean shards = stores.stream().anyMatch(store -> !store.origin().isWhole());
        List<StoredSums> ordered = shards ? requireAllShards(stores) : requireDifferentData(stores);
        List<GramSource> sources = shards
                ? first.sources()
                : stores.stream()
                        .flatMap(store -> store.origin().sources().stream())
                        .toList();
        String backends = stores.stream()
                .map(store -> store.origin().backend())
                .distinct()
                .collect(Collectors.joining(" + "));
        StoredSums merged = StoredSums.create(
                stores.get(0).kind(),
                out,
                first.with(backends, 0, first.blocks(), sources),
                stores.get(0).settings(),
                shared);
        return new GramMerge(ordered, shards, merged);
    }

    /** Adds all layers that are not there yet. */
    StoredSums run(Backend backend, Progress progress) {
        StoreLock lock = merged.lock();
        try {
            int layers = merged.origin().layers();
            for (int layer = 0; layer < layers; layer++) {
                layer(layer, backend);
                progress.advance(layer + 1L, layers);
            }
        } finally {
            lock.close();
        }
        return merged;
    }

    private static void requireEqual(StoredSums store, String field, Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new CospadiException(store.folder() + ": " + field + " is " + found + ", expected " + expected
                    + " as in the first store; only stores of one model can be merged");
        }
    }

    /** The shards in the order of their blocks, which must be all of one calibration's. */
    private static List<StoredSums> requireAllShards(List<StoredSums> stores) {
        List<StoredSums> ordered = new ArrayList<>(stores);
        ordered.sort(Comparator.comparingInt(store -> store.origin().firstBlock()));
        GramOrigin first = stores.get(0).origin();
        int next = 0;
        for (StoredSums store : ordered) {
            GramOrigin origin = store.origin();
            requireEqual(store, "sources", first.sources(), origin.sources());
            requireEqual(store, "backend", first.backend(), origin.backend());
            if (origin.firstBlock() > next) {
                throw missing(store, next, origin.firstBlock());
            }
            if (origin.firstBlock() < next) {
                throw new CospadiException(
                        store.folder() + ": " + store.kind().noun() + " of blocks " + origin.firstBlock() + " to "
                                + (origin.endBlock() - 1) + " are in another store too; name every shard once");
            }
            next = origin.endBlock();
        }
        if (next < first.blocks()) {
            throw missing(stores.get(0), next, first.blocks());
        }
        return ordered;
    }

    private static CospadiException missing(StoredSums store, int first, int end) {
        return new CospadiException(store.kind().noun() + " of blocks " + first + " to " + (end - 1) + " of "
                + store.origin().blocks() + " are in none of the stores; name every shard of the calibration");
    }

    private static List<StoredSums> requireDifferentData(List<StoredSums> stores) {
        Set<GramSource> seen = new HashSet<>();
        for (StoredSums store : stores) {
            for (GramSource source : store.origin().sources()) {
                if (!seen.add(source)) {
                    throw new CospadiException(store.folder() + ": its data (SHA-256 " + source.dataSha256()
                            + ") is in another store too; adding it twice would count it twice");
                }
            }
        }
        return stores;
    }

    /** Adds a layer, unless it is there. */
    void layer(int layer, Backend backend) {
        if (merged.isFinished(layer)) {
            return;
        }
        SortedMap<String, GramTree> sums = new TreeMap<>();
        try {
            for (String name : names(stores.get(0), layer)) {
                GramTree tree = new GramTree(backend);
                sums.put(name, tree);
                if (shards) {
                    stores.forEach(store -> addShard(store, layer, name, tree, backend));
                } else {
                    tree.add(0, GramTree.BLOCKS, sum(stores, layer, name, backend));
                }
            }
            merged.write(layer, sums, backend);
        } finally {
            sums.values().forEach(GramTree::close);
        }
    }

    private static SortedSet<String> names(StoredSums store, int layer) {
        try (GramFile file = store.openLayer(layer)) {
            return file.names();
        }
    }

    private static void addShard(StoredSums store, int layer, String name, GramTree tree, Backend backend) {
        try (GramFile file = store.openLayer(layer)) {
            for (int block = store.origin().firstBlock(); block < store.origin().endBlock(); ) {
                int end = GramTree.subtreeEnd(block, store.origin().endBlock());
                tree.add(block, end, file.load(GramFile.tensorName(name, block, end), backend));
                block = end;
            }
        }
    }

    private static Matrix sum(List<StoredSums> stores, int layer, String name, Backend backend) {
        Matrix sum = null;
        try {
            for (StoredSums store : stores) {
                Matrix next = store.load(layer, name, backend);
                if (sum == null) {
                    sum = next;
                } else {
                    try (next) {
                        if (next.rows() != sum.rows() || next.cols() != sum.cols()) {
                            throw new CospadiException(store.folder() + ": " + name + " is " + next.shape()
                                    + ", expected " + sum.shape() + " as in the other stores");
                        }
                        backend.axpy(1, next, sum);
                    }
                }
            }
            return sum;
        } catch (RuntimeException | Error failure) {
            if (sum != null) {
                sum.close();
            }
            throw failure;
        }
    }
}
