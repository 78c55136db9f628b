package io.cospadi.gpu;

/** Launches of {@code dense_gemv.cu}: products of few tokens with weights that lie on the device in bf16. */
public final class DenseGemvKernels {
    private static final int UNIT_COLUMNS = 8;
    private static final int LANES = 32;

    /** With 64 registers a thread, a multiprocessor runs so many. */
    private static final int WARPS_AT_ONCE = 32;

    /** Of the block: a sum for each of its rows and warps. */
    private static final int MOST_SUMS = 8192;

    private static final int MOST_BLOCKS = 65535;

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
     * {@code y (tokens, rows) <- alpha · x (tokens, cols) · weightsᵀ + beta · y}, f32; y is not read where beta is 0.
     *
     * @param weights (rows, cols) bf16, 16-byte aligned; read only
     * @param x       16-byte aligned; read only
     * @throws IllegalArgumentException unless it {@link #takes} the columns, or if rows ask for more blocks than a grid has
     */
    public void multiply(double alpha, long x, long weights, double beta, long y, int tokens, int rows, int cols) {
        if (!takes(cols)) {
            throw new IllegalArgumentException("no kernel takes weights of " + cols + " columns");
        }
        if (tokens == 0 || rows == 0) {
            return;
        }
        int units = cols / UNIT_COLUMNS;
        int perLane = unitsPerLane(units);
        int warps = (units + LANES * perLane - 1) / (LANES * perLane);
        int resident = multiprocessors * Math.max(1, WARPS_AT_ONCE / warps);
        int fewest = (int) ((long) rows * warps / MOST_SUMS + 1);
        int blocks = Math.min(rows, Math.max(resident, fewest));
        if (blocks > MOST_BLOCKS) {
            throw new IllegalArgumentException(rows + " rows need " + blocks + " blocks, more than " + MOST_BLOCKS);
        }
        int sums = (rows + blocks - 1) / blocks * warps;
        launcher.launch(
                "dense_gemv_" + perLane,
                new LaunchGeometry(tokens, blocks, LANES, warps, Float.BYTES * sums),
                weights,
                x,
                y,
                rows,
                units,
                (float) alpha,
                (float) beta);
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
