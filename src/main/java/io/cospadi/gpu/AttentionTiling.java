package io.cospadi.gpu;

/**
 * A kernel of attention on square tiles, {@code primitives/tiles.cuh}, chosen by the columns of a head and by what a block of the
 * device can share.
 *
 * @param kernel      its entry: {@code _64}, {@code _128} or {@code _256} by the columns that it serves, {@code _short} where
 *                    shared memory holds tiles of half the rows only
 * @param rows        of a tile
 * @param sharedBytes that its tiles and its weights take
 */
record AttentionTiling(String kernel, int rows, int sharedBytes) {
    /**
     * The kernel that runs: on tiles of so many rows, or of half of them.
     *
     * @param name       of the kernel, without what tells its entries apart
     * @param tiles      that it holds
     * @param rows       of a tile where there is room
     * @param headDim    columns of a head, 1 .. {@value AttentionKernels#MOST_HEAD_DIM}
     * @param mostShared bytes of shared memory that a block of the device can have, {@link LaunchGeometry#LEAST_SHARED_BYTES} or
     *                   more: then the second always has room
     */
    static AttentionTiling of(String name, int tiles, int rows, int headDim, int mostShared) {
        String entry = name + (headDim <= 64 ? "_64" : headDim <= 128 ? "_128" : "_256");
        int whole = sharedBytes(tiles, rows, headDim);
        return whole <= mostShared
                ? new AttentionTiling(entry, rows, whole)
                : new AttentionTiling(entry + "_short", rows / 2, sharedBytes(tiles, rows / 2, headDim));
    }

    private static int sharedBytes(int tiles, int rows, int headDim) {
        int stride = 4 * ((headDim + 3) / 4 | 1);
        return Float.BYTES * rows * (tiles * stride + rows + 4);
    }

    /** Blocks of 256 threads, one for each tile of n rows and each head. */
    LaunchGeometry geometry(int n, int heads) {
        return new LaunchGeometry((n + rows - 1) / rows, heads, LaunchGeometry.THREADS, 1, sharedBytes);
    }
}
