package io.cospadi.calibration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class GramTreeTest {
    /** Values whose sum depends on the order of additions. */
    private static final double[] B = {1e16, 1, -1e16, 3, 1e-3, 7e15, -7e15, 0.1};

    private final Backend backend = new CpuBackend(1);

    @AfterEach
    void close() {
        assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
        backend.close();
    }

    private Matrix of(double value) {
        Matrix matrix = backend.allocate(1, 1, DType.F64);
        backend.write(matrix, new double[] {value});
        return matrix;
    }

    private double value(GramTree.Node node) {
        return backend.readDoubles(node.sum())[0];
    }

    @Test
    void blocksAreAddedInPairsOfPairs() {
        double expected = ((B[0] + B[1]) + (B[2] + B[3])) + ((B[4] + B[5]) + (B[6] + B[7]));
        double inOrder = 0;
        for (double b : B) {
            inOrder += b;
        }
        assertTrue(expected != inOrder, "the values tell the shapes apart");
        try (GramTree tree = new GramTree(backend)) {
            for (int i = 0; i < B.length; i++) {
                tree.add(i, i + 1, of(B[i]));
                assertTrue(tree.nodes().size() <= 3, "few sums wait");
            }
            assertEquals(1, tree.nodes().size());
            assertEquals(expected, value(tree.nodes().get(0)));
        }
    }

    @Test
    void anyCutIntoSharesEndsInTheSameBits() {
        double expected = ((B[0] + B[1]) + (B[2] + B[3])) + ((B[4] + B[5]) + (B[6] + B[7]));
        for (int cut1 = 0; cut1 <= 8; cut1++) {
            for (int cut2 = cut1; cut2 <= 8; cut2++) {
                try (GramTree merged = new GramTree(backend)) {
                    addShare(merged, 0, cut1);
                    addShare(merged, cut1, cut2);
                    addShare(merged, cut2, 8);
                    assertEquals(expected, value(merged.nodes().get(0)), cut1 + ", " + cut2);
                }
            }
        }
    }

    /** What a shard of these blocks stores, put into another tree. */
    private void addShare(GramTree merged, int from, int to) {
        try (GramTree share = new GramTree(backend)) {
            for (int block = from; block < to; block++) {
                share.add(block, block + 1, of(B[block]));
            }
            List<Integer> ends = new ArrayList<>();
            for (int block = from; block < to; block = ends.get(ends.size() - 1)) {
                ends.add(GramTree.subtreeEnd(block, to));
            }
            assertEquals(ends, share.nodes().stream().map(GramTree.Node::end).toList());
            share.nodes().forEach(node -> merged.add(node.first(), node.end(), of(value(node))));
        }
    }

    @Test
    void blocksComeInOrder() {
        try (GramTree tree = new GramTree(backend)) {
            tree.add(3, 4, of(1));
            assertThrows(IllegalArgumentException.class, () -> tree.add(2, 3, of(1)));
        }
    }

    @Test
    void windowsAreSpreadEvenlyOverTheBlocks() {
        for (int windows : new int[] {1, 7, 8, 24, 256, Integer.MAX_VALUE}) {
            assertEquals(0, GramTree.firstWindow(0, windows));
            assertEquals(windows, GramTree.firstWindow(GramTree.BLOCKS, windows));
            for (int block = 0; block < GramTree.BLOCKS; block++) {
                int size = GramTree.firstWindow(block + 1, windows) - GramTree.firstWindow(block, windows);
                assertTrue(size == windows / 8 || size == windows / 8 + 1);
            }
        }
    }
}
