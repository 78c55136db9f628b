package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.decoder.SiteListener;
import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** The Grams of one layer's input sites while its windows pass: the block being summed, and the tree of blocks before it. */
final class LayerGrams implements AutoCloseable {
    private final Backend backend;
    private final int windows;
    private final int endBlock;
    private final Map<InputSite, Integer> widths = new EnumMap<>(InputSite.class);
    private final Map<InputSite, Matrix> current = new EnumMap<>(InputSite.class);
    private final SortedMap<InputSite, GramTree> trees = new TreeMap<>();
    private int block;

    /** @param windows of the whole calibration, of which the origin's blocks will be shown */
    LayerGrams(Backend backend, ModelConfig config, GramOrigin origin, int windows) {
        this.backend = backend;
        this.windows = windows;
        this.block = origin.firstBlock();
        this.endBlock = origin.endBlock();
        for (InputSite site : InputSite.values()) {
            widths.put(site, width(config, site));
            trees.put(site, new GramTree(backend));
        }
    }

    /** Features of an input site: d1 of every projection that reads it. */
    static int width(ModelConfig config, InputSite site) {
        return Arrays.stream(ProjectionType.values())
                .filter(type -> type.site() == site)
                .mapToInt(type -> config.projection(0, type).d1())
                .findFirst()
                .orElseThrow();
    }

    /** What adds the inputs of the next window, {@code window} in the numbering of the whole calibration; ascending. */
    SiteListener listen(int window) {
        while (window >= GramTree.firstWindow(block + 1, windows)) {
            finishBlock();
        }
        return (site, x) -> backend.addGram(x, sum(site));
    }

    private Matrix sum(InputSite site) {
        return current.computeIfAbsent(site, s -> backend.allocate(widths.get(s), widths.get(s), DType.F64));
    }

    /** A block without windows (there are fewer windows than blocks) adds zero. */
    private void finishBlock() {
        for (InputSite site : InputSite.values()) {
            Matrix sum = sum(site);
            current.remove(site);
            trees.get(site).add(block, block + 1, sum);
        }
        block++;
    }

    /** Ends the last block; the trees stay this object's. */
    SortedMap<InputSite, GramTree> finish() {
        while (block < endBlock) {
            finishBlock();
        }
        return trees;
    }

    @Override
    public void close() {
        current.values().forEach(Matrix::close);
        trees.values().forEach(GramTree::close);
    }
}
