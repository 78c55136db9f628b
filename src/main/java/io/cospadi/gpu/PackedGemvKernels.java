package io.cospadi.gpu;

/**
 * Launches of {@code packed_gemv.cu} and {@code unpack_slots.cu}: products with codes that lie on the device as
 * {@link SlottedCodes}.
 */
public final class PackedGemvKernels {
    /** What a block shares beside its token. */
    private static final int STATIC_SHARED_BYTES = 3 << 10;

    /** With fewer blocks a multiprocessor, lanes load ahead. */
    private static final int BLOCKS_THAT_HIDE_LOADS = 2;

    private final Launcher launcher;
    private final int multiprocessors;

    /** @param multiprocessors of the device; results do not depend on it */
    public PackedGemvKernels(Launcher launcher, int multiprocessors) {
        if (multiprocessors < 1) {
            throw new IllegalArgumentException("need 1 multiprocessor or more, got " + multiprocessors);
        }
        this.launcher = launcher;
        this.multiprocessors = multiprocessors;
    }

    /**
     * {@code y (tokens, rows) <- z (tokens, k) · codesᵀ}, f32, or {@code y + z · codesᵀ}.
     *
     * @param codes  as they were packed
     * @param words  where its words lie, 16-byte aligned
     * @param starts where its starts lie; any address if there are none
     * @param add    whether y is added to, or overwritten
     * @throws IllegalArgumentException if there are more than 65,535 tokens, or k asks for more shared memory than a block has
     */
    public void multiply(SlottedShape codes, long words, long starts, long z, long y, int tokens, boolean add) {
        if (codes.rows() == 0 || tokens == 0) {
            return;
        }
        boolean few = (long) codes.tiles() * tokens < (long) BLOCKS_THAT_HIDE_LOADS * multiprocessors;
        String kernel = "packed_gemv_" + codes.suffix() + (few ? "_ahead" : "");
        int shared = Float.BYTES * codes.reach();
        if (shared > LaunchGeometry.MOST_SHARED_BYTES - STATIC_SHARED_BYTES) {
            throw new IllegalArgumentException(
                    "codes over " + codes.k() + " atoms need " + shared + " bytes of shared memory, and a block has "
                            + (LaunchGeometry.MOST_SHARED_BYTES - STATIC_SHARED_BYTES));
        }
        LaunchGeometry geometry = geometry(codes.tiles(), tokens, shared);
        launcher.launch(
                kernel,
                geometry,
                codes.arguments(
                        words, starts, z, y, codes.rows(), codes.units(), codes.k(), codes.reach(), add ? 1 : 0));
    }

    /**
     * Rows {@code from .. from+count-1} of the codes as a dense (count, k) f32 matrix, zeros included.
     *
     * @param words  where the words of all rows lie
     * @param starts where the starts of all rows lie
     * @throws IllegalArgumentException if {@code from} is not a tile's first row
     */
    public void unpack(SlottedShape codes, long words, long starts, int from, int count, long out) {
        if (from % SlottedCodes.TILE_ROWS != 0) {
            throw new IllegalArgumentException(
                    "row " + from + " is not the first of a tile of " + SlottedCodes.TILE_ROWS);
        }
        if (count == 0) {
            return;
        }
        LaunchGeometry geometry = geometry((count + SlottedCodes.TILE_ROWS - 1) / SlottedCodes.TILE_ROWS, 1, 0);
        long ownWords = words + (long) SlottedCodes.UNIT_BYTES * codes.units() * from;
        long ownStarts = starts + (long) Short.BYTES * SlottedCodes.PARTS * from;
        launcher.launch(
                "unpack_" + codes.suffix(),
                geometry,
                codes.arguments(ownWords, ownStarts, out, count, codes.units(), codes.k()));
    }

    private static LaunchGeometry geometry(int tiles, int tokens, int shared) {
        return new LaunchGeometry(tiles, tokens, SlottedCodes.TILE_ROWS, SlottedCodes.PARTS, shared);
    }
}
