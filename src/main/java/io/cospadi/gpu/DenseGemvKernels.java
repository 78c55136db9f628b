package io.cospadi.gpu;

import java.util.List;

/** Launches of {@code dense_gemv.cu}: products of few tokens with weights that lie on the device in bf16. */
public final class DenseGemvKernels {
    private static final int UNIT_COLUMNS = 8;
    private static final int LANES = 32;

    /** With 64 registers a thread, a multiprocessor runs so many. */
    private static final int WARPS_AT_ONCE = 32;

    /** Of the block: a sum for each of its rows and warps. */
    private static final int MOST_SUMS = 8192;

    private static final int MOST_BLOCKS = 65535;

    /** That a launch takes. */
    public static final int MOST_PRODUCTS = 3;

    private static final Product NONE = new Product(0, 0, 0);

    private final Launcher launcher;
    private final int multiprocessors;

    /** @param multiprocessors of the device; results do not depend on it */
    public DenseGemvKernels(Launcher launcher, int multiprocessors) {
        if (multiprocessors < 1) {
            throw new IllegalArgumentException("need 1 multiprocessor or more, got " + multiprocessors);
        }
        this.launcher = launcher;
        this.multiprocessors = multiprocessors;
    }

    /** Whether there is a kernel for weights of so many columns. */
    public static boolean takes(int cols) {
        return cols > 0 && cols % UNIT_COLUMNS == 0 && unitsPerLane(cols / UNIT_COLUMNS) <= 4;
    }

    /**
     * A product with one weight.
     *
     * @param weights where (rows, cols) lie in bf16, 16-byte aligned; read only
     * @param y       where (tokens, rows) go
     */
    public record Product(long weights, long y, int rows) {}

    /**
     * {@code y (tokens, rows) <- alpha · x (tokens, cols) · weightsᵀ + beta · y} for each product, f32; y is not read where beta is
     * 0. A product's bits are the same whatever products are beside it.
     *
     * @param x        16-byte aligned; read only
     * @param products up to {@value #MOST_PRODUCTS}, whose results lie apart
     * @throws IllegalArgumentException unless it {@link #takes} the columns, or if rows ask for more blocks than a grid has
     */
    public void multiply(double alpha, long x, List<Product> products, double beta, int tokens, int cols) {
        if (!takes(cols)) {
            throw new IllegalArgumentException("no kernel takes weights of " + cols + " columns");
        }
        if (products.size() > MOST_PRODUCTS) {
            throw new IllegalArgumentException(
                    "at most " + MOST_PRODUCTS + " products in a launch, not " + products.size());
        }
        if (tokens == 0 || products.stream().allMatch(product -> product.rows() == 0)) {
            return;
        }
        int units = cols / UNIT_COLUMNS;
        int perLane = unitsPerLane(units);
        int warps = (units + LANES * perLane - 1) / (LANES * perLane);
        int rowsOfBlock = Math.min(
                MOST_SUMS / warps, rowsOfBlock(products, multiprocessors * Math.max(1, WARPS_AT_ONCE / warps)));
        long blocks = blocks(products, rowsOfBlock);
        if (blocks > MOST_BLOCKS) {
            throw new IllegalArgumentException(products + " need " + blocks + " blocks, more than " + MOST_BLOCKS);
        }
        Number[] members = new Number[4 * MOST_PRODUCTS];
        for (int p = 0; p < MOST_PRODUCTS; p++) {
            Product product = p < products.size() ? products.get(p) : NONE;
            members[4 * p] = product.weights();
            members[4 * p + 1] = product.y();
            members[4 * p + 2] = product.rows();
            members[4 * p + 3] = ceilDiv(product.rows(), rowsOfBlock);
        }
        launcher.launch(
                "dense_gemv_" + perLane,
                new LaunchGeometry(tokens, (int) blocks, LANES, warps, Float.BYTES * rowsOfBlock * warps),
                new LaunchArguments.Struct(members),
                x,
                units,
                (float) alpha,
                (float) beta);
    }

    /** The fewest rows a block so that no more than {@code resident} blocks are needed, or one for each product. */
    private static int rowsOfBlock(List<Product> products, int resident) {
        int most = products.stream().mapToInt(Product::rows).max().orElseThrow();
        long all = products.stream().mapToLong(Product::rows).sum();
        int rows = (int) Math.min(most, (all + resident - 1) / resident);
        while (rows < most && blocks(products, rows) > resident) {
            rows++;
        }
        return rows;
    }

    private static long blocks(List<Product> products, int rowsOfBlock) {
        return products.stream()
                .mapToLong(product -> ceilDiv(product.rows(), rowsOfBlock))
                .sum();
    }

    private static int ceilDiv(int rows, int rowsOfBlock) {
        return (int) ((rows + (long) rowsOfBlock - 1) / rowsOfBlock);
    }

    /** Units that a lane has of each row, a power of two. */
    private static int unitsPerLane(int units) {
        int perLane = 1;
        while (units > LANES * perLane * (perLane == 1 ? WARPS_AT_ONCE / 2 : WARPS_AT_ONCE)) {
            perLane *= 2;
        }
        return perLane;
    }
}
