package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** What is summed over one layer's windows while they pass: the block being summed, and the tree of blocks before it. */
final class BlockSums implements AutoCloseable {
    private final Backend backend;
    private final int windows;
    private final int endBlock;
    private final SortedMap<String, Shape> shapes;
    private final Map<String, Matrix> current = new TreeMap<>();
    private final SortedMap<String, GramTree> trees = new TreeMap<>();
    private int block;

    /** Shape of a sum. */
    record Shape(int rows, int cols) {
        long bytes() {
            return (long) Double.BYTES * rows * cols;
        }
    }

    /**
     * @param origin  whose blocks will be shown
     * @param windows of the whole calibration
     * @param shapes  of the sums, by name
     */
    BlockSums(Backend backend, GramOrigin origin, int windows, SortedMap<String, Shape> shapes) {
        this(backend, origin.firstBlock(), origin.endBlock(), windows, shapes);
    }

    /** The same for blocks {@code firstBlock .. endBlock-1}. */
    BlockSums(Backend backend, int firstBlock, int endBlock, int windows, SortedMap<String, Shape> shapes) {
        this.backend = backend;
        this.windows = windows;
        this.block = firstBlock;
        this.endBlock = endBlock;
        this.shapes = shapes;
        shapes.keySet().forEach(name -> trees.put(name, new GramTree(backend)));
    }

    /** From now on it is window {@code window}, in the numbering of the whole calibration, that is added; ascending. */
    void enter(int window) {
        while (window >= GramTree.firstWindow(block + 1, windows)) {
            finishBlock();
        }
    }

    /** The current block's sum so far, F64, to be added to. */
    Matrix sum(String name) {
        return current.computeIfAbsent(name, n -> {
            Shape shape = shapes.get(n);
            return backend.allocate(shape.rows(), shape.cols(), DType.F64);
        });
    }

    /** A block without windows (there are fewer windows than blocks) adds zero. */
    private void finishBlock() {
        for (String name : shapes.keySet()) {
            Matrix sum = sum(name);
            current.remove(name);
            trees.get(name).add(block, block + 1, sum);
        }
        block++;
    }

    /** Ends the last block; the trees stay this object's. */
    SortedMap<String, GramTree> finish() {
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
