package io.cospadi.gpu;

/**
 * Launches of {@code packed_gemv.cu}, {@code packed_gemv_tokens.cu} and {@code unpack_slots.cu}: products with codes that lie on
 * the device as {@link SlottedCodes}.
 */
public final class PackedGemvKernels {
    /** What a block shares beside its token: sums of its warps, twice as many where rows have no starts, and 8:16's table. */
    private static int staticSharedBytes(SlottedShape codes) {
        return codes.grouped() ? 5 << 10 : 2 << 10;
    }

    /** With fewer blocks a multiprocessor each lane loads more at a time, or each block has more warps. */
    private static final int MANY_BLOCKS = 2;

    /** Tokens that one reading of the codes serves at most. */
    public static final int SHARING_TOKENS = 8;

    private static final int MOST_TOKENS = 65535;

    /** Of blocks whose tokens share a reading, a multiprocessor has registers for so many. */
    private static final int SHARING_BLOCKS = 2;

    private final Launcher launcher;
    private final int multiprocessors;
    private final int mostShared;

    /**
     * Of a device; results do not depend on its sizes.
     *
     * @param mostShared bytes of shared memory that a block can have
     */
    public PackedGemvKernels(Launcher launcher, int multiprocessors, int mostShared) {
        if (multiprocessors < 1) {
            throw new IllegalArgumentException("need 1 multiprocessor or more, got " + multiprocessors);
        }
        this.launcher = launcher;
        this.multiprocessors = multiprocessors;
        this.mostShared = Math.min(mostShared, LaunchGeometry.MOST_SHARED_BYTES);
    }

    /** Whether a token over the codes' atoms fits what a block shares. */
    public boolean takes(SlottedShape codes) {
        return Float.BYTES * (long) codes.reach() <= mostShared - staticSharedBytes(codes);
    }

    /**
     * {@code y (tokens, rows) <- z (tokens, k) · codesᵀ}, f32, or {@code y + z · codesᵀ}. A token's bits are the same whatever
     * tokens are beside it.
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
        if (tokens > MOST_TOKENS) {
            throw new IllegalArgumentException("at most " + MOST_TOKENS + " tokens at a time, not " + tokens);
        }
        int sharing = sharing(codes, tokens);
        if (sharing > 1) {
            multiply(codes, words, starts, z, y, tokens, sharing, add);
            return;
        }
        boolean few = (long) codes.tiles() * tokens < (long) MANY_BLOCKS * multiprocessors;
        String kernel = "packed_gemv_" + codes.suffix() + (few ? "_few" : "");
        int shared = Float.BYTES * codes.reach();
        if (!takes(codes)) {
            throw new IllegalArgumentException("codes over " + codes.k() + " atoms need " + shared
                    + " bytes of shared memory, and a block has " + (mostShared - staticSharedBytes(codes)));
        }
        int warps = few && codes.grouped() ? 2 * SlottedCodes.PARTS : SlottedCodes.PARTS;
        launcher.launch(
                kernel,
                new LaunchGeometry(codes.tiles(), tokens, SlottedCodes.TILE_ROWS, warps, shared),
                codes.arguments(
                        words, starts, z, y, codes.rows(), codes.units(), codes.k(), codes.reach(), add ? 1 : 0));
    }

    /** How many of the tokens one reading of the codes serves: as many as there are, or as fit into shared memory. */
    private int sharing(SlottedShape codes, int tokens) {
        int sharing = 1;
        while (sharing < Math.min(tokens, SHARING_TOKENS) && sharedBytes(codes, 2 * sharing) <= mostShared) {
            sharing *= 2;
        }
        return sharing;
    }

    /** Tokens, and sums of all warps. */
    private static long sharedBytes(SlottedShape codes, int sharing) {
        return (long) Float.BYTES * sharing * (codes.reach() + SlottedCodes.PARTS * SlottedCodes.TILE_ROWS) + (1 << 10);
    }

    private void multiply(
            SlottedShape codes, long words, long starts, long z, long y, int tokens, int sharing, boolean add) {
        int resident = (int) Math.max(1, Math.min(SHARING_BLOCKS, mostShared / sharedBytes(codes, sharing)));
        int blocks = (int) Math.min(codes.tiles(), (long) resident * multiprocessors);
        launcher.launch(
                "packed_gemv_tokens_" + sharing + "_" + codes.suffix(),
                geometry(blocks, (tokens + sharing - 1) / sharing, Float.BYTES * sharing * codes.reach()),
                codes.arguments(
                        words,
                        starts,
                        z,
                        y,
                        codes.rows(),
                        codes.units(),
                        codes.k(),
                        codes.reach(),
                        tokens,
                        add ? 1 : 0));
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
