package io.cospadi.calibration;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import java.util.ArrayList;
import java.util.List;

/**
 * The fixed shape in which Grams are added, so that rounding doesn't depend on who added them: the windows of a calibration
 * form {@link #BLOCKS} consecutive blocks; a block's Gram is accumulated window by window; blocks are added in pairs, pairs in
 * pairs, and so on: {@code ((b0+b1)+(b2+b3)) + ((b4+b5)+(b6+b7))}. Whoever has only some blocks keeps the largest whole
 * subtrees of them, and putting those together later ends in the same bits.
 *
 * <p>Added one after another, like carries of a binary counter: at most log2(BLOCKS) sums wait beside the one being made.
 */
final class GramTree implements AutoCloseable {
    /** Leaves of the tree, a power of two. */
    static final int BLOCKS = 8;

    /** Most sums there are at a time: one of each size below the whole, and the one being made. */
    static final int MOST_SUMS = 1 + Integer.numberOfTrailingZeros(BLOCKS);

    private final Backend backend;
    private final List<Node> nodes = new ArrayList<>();

    /** The sum over blocks {@code first .. end-1}, a whole subtree. */
    record Node(int first, int end, Matrix sum) {
        int blocks() {
            return end - first;
        }

        boolean isLeftSiblingOf(Node right) {
            return end == right.first && blocks() == right.blocks() && first % (2 * blocks()) == 0;
        }
    }

    GramTree(Backend backend) {
        this.backend = backend;
    }

    /** First window of a block; block BLOCKS begins behind the last window. */
    static int firstWindow(int block, int windows) {
        return (int) ((long) windows * block / BLOCKS);
    }

    /** End of the largest whole subtree that begins at {@code block} and doesn't pass {@code end}. */
    static int subtreeEnd(int block, int end) {
        int size = 1;
        while (block % (2 * size) == 0 && block + 2 * size <= end) {
            size *= 2;
        }
        return block + size;
    }

    /** Sums that whoever has blocks {@code first .. end-1} keeps. */
    static int subtrees(int first, int end) {
        int subtrees = 0;
        for (int block = first; block < end; block = subtreeEnd(block, end)) {
            subtrees++;
        }
        return subtrees;
    }

    /**
     * Takes the sum of the next blocks, which begin where the last ones ended or later, and adds up what is complete.
     *
     * @param sum (d, d) F64, owned from here on
     */
    void add(int first, int end, Matrix sum) {
        if (!nodes.isEmpty() && nodes.get(nodes.size() - 1).end > first) {
            sum.close();
            throw new IllegalArgumentException("blocks " + first + " .. " + (end - 1) + " come too late");
        }
        nodes.add(new Node(first, end, sum));
        while (nodes.size() > 1 && last(1).isLeftSiblingOf(last(0))) {
            Node right = nodes.remove(nodes.size() - 1);
            Node left = nodes.remove(nodes.size() - 1);
            backend.axpy(1, right.sum, left.sum);
            right.sum.close();
            nodes.add(new Node(left.first, right.end, left.sum));
        }
    }

    private Node last(int back) {
        return nodes.get(nodes.size() - 1 - back);
    }

    /** What is there: one node if all blocks are. */
    List<Node> nodes() {
        return List.copyOf(nodes);
    }

    /** The sum over all blocks, which are there; the caller closes it. */
    Matrix take() {
        return nodes.remove(0).sum;
    }

    @Override
    public void close() {
        nodes.forEach(node -> node.sum.close());
        nodes.clear();
    }
}
