package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.Projection;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Adds Gram stores, a layer and a site at a time. */
final class GramMerge {
    private GramMerge() {}

    static GramStore merge(List<GramStore> stores, Path out, Backend backend, Progress progress) {
        if (stores.isEmpty()) {
            throw new CospadiException("no Gram stores to merge; name at least one");
        }
        GramOrigin first = stores.get(0).origin();
        for (GramStore store : stores) {
            requireEqual(store, "model", first.model(), store.origin().model());
            requireEqual(store, "layers", first.layers(), store.origin().layers());
            store.requireFinished();
        }
        boolean shards = stores.stream().anyMatch(store -> !store.origin().isWhole());
        List<GramStore> ordered = shards ? requireAllShards(stores) : requireDifferentData(stores);
        List<GramSource> sources = shards
                ? first.sources()
                : stores.stream()
                        .flatMap(store -> store.origin().sources().stream())
                        .toList();
        String backends = stores.stream()
                .map(store -> store.origin().backend())
                .distinct()
                .collect(Collectors.joining(" + "));
        GramStore merged = GramStore.create(out, first.with(backends, 0, first.blocks(), sources));
        StoreLock lock = merged.lock();
        try {
            for (int layer = 0; layer < first.layers(); layer++) {
                if (!merged.isFinished(layer)) {
                    mergeLayer(layer, ordered, shards, merged, backend);
                }
                progress.advance(layer + 1L, first.layers());
            }
        } finally {
            lock.close();
        }
        return merged;
    }

    private static void requireEqual(GramStore store, String field, Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new CospadiException(store.folder() + ": " + field + " is " + found + ", expected " + expected
                    + " as in the first store; only stores of one model can be merged");
        }
    }

    /** The shards in the order of their blocks, which must be all of one calibration's. */
    private static List<GramStore> requireAllShards(List<GramStore> stores) {
        List<GramStore> ordered = new ArrayList<>(stores);
        ordered.sort(Comparator.comparingInt(store -> store.origin().firstBlock()));
        GramOrigin first = stores.get(0).origin();
        int next = 0;
        for (GramStore store : ordered) {
            GramOrigin origin = store.origin();
            requireEqual(store, "sources", first.sources(), origin.sources());
            requireEqual(store, "backend", first.backend(), origin.backend());
            if (origin.firstBlock() > next) {
                throw missing(next, origin.firstBlock(), first.blocks());
            }
            if (origin.firstBlock() < next) {
                throw new CospadiException(store.folder() + ": blocks " + origin.firstBlock() + " to "
                        + (origin.endBlock() - 1) + " are in another store too; name every shard once");
            }
            next = origin.endBlock();
        }
        if (next < first.blocks()) {
            throw missing(next, first.blocks(), first.blocks());
        }
        return ordered;
    }

    private static CospadiException missing(int first, int end, int blocks) {
        return new CospadiException("blocks " + first + " to " + (end - 1) + " of " + blocks
                + " are in none of the stores; name every shard of the calibration");
    }

    private static List<GramStore> requireDifferentData(List<GramStore> stores) {
        Set<GramSource> seen = new HashSet<>();
        for (GramStore store : stores) {
            for (GramSource source : store.origin().sources()) {
                if (!seen.add(source)) {
                    throw new CospadiException(store.folder() + ": its data (SHA-256 " + source.dataSha256()
                            + ") is in another store too; adding it twice would count it twice");
                }
            }
        }
        return stores;
    }

    private static void mergeLayer(
            int layer, List<GramStore> stores, boolean shards, GramStore merged, Backend backend) {
        SortedMap<InputSite, GramTree> sums = new TreeMap<>();
        try {
            for (InputSite site : InputSite.values()) {
                GramTree tree = new GramTree(backend);
                sums.put(site, tree);
                String name = Projection.siteName(layer, site);
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

    private static void addShard(GramStore store, int layer, String name, GramTree tree, Backend backend) {
        try (GramFile file = store.openLayer(layer)) {
            for (int block = store.origin().firstBlock(); block < store.origin().endBlock(); ) {
                int end = GramTree.subtreeEnd(block, store.origin().endBlock());
                tree.add(block, end, file.load(GramFile.tensorName(name, block, end), backend));
                block = end;
            }
        }
    }

    private static Matrix sum(List<GramStore> stores, int layer, String name, Backend backend) {
        Matrix sum = null;
        try {
            for (GramStore store : stores) {
                Matrix gram = store.gram(name, backend);
                if (sum == null) {
                    sum = gram;
                } else {
                    try (gram) {
                        if (gram.cols() != sum.cols()) {
                            throw new CospadiException(store.folder() + ": " + name + " is " + gram.shape()
                                    + ", expected " + sum.shape() + " as in the other stores");
                        }
                        backend.axpy(1, gram, sum);
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
