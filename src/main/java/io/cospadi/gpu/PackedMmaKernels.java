package io.cospadi.gpu;

/** Launches of {@code packed_mma.cu}: products of 2 to 64 tokens with codes that lie on the device as {@link SlottedCodes}. */
public final class PackedMmaKernels {
    /** Tokens that one launch takes; their sums are as many registers. */
    public static final int MOST_TOKENS = 64;

    private static final int THREADS = 256;

    /** Of the product that a warp's tensor cores make: rows of a block, and atoms of a step. */
    private static final int MMA_ROWS = 16;

    /** What a block shares beside its rows. */
    private static final int STATIC_SHARED_BYTES = 1 << 10;

    private final Launcher launcher;
    private final int mostShared;

    /** @param mostShared bytes of shared memory that a block of the device can have */
    public PackedMmaKernels(Launcher launcher, int mostShared) {
        this.launcher = launcher;
        this.mostShared = Math.min(mostShared, LaunchGeometry.MOST_SHARED_BYTES);
    }

    /** Whether 16 rows of the codes, written out, fit what a block shares. */
    public boolean takes(SlottedShape codes) {
        return sharedBytes(codes) <= mostShared - STATIC_SHARED_BYTES;
    }

    /** Of a row in shared memory: room for the sums of all tokens, and 8 above a multiple of 64. */
    private static int pitch(SlottedShape codes) {
        int atoms = Math.max(codes.reach(), (codes.k() + MMA_ROWS - 1) / MMA_ROWS * MMA_ROWS);
        int pitch = Math.max(atoms, 2 * MOST_TOKENS);
        return (pitch - 8 + 63) / 64 * 64 + 8;
    }

    private static long sharedBytes(SlottedShape codes) {
        return (long) Short.BYTES * MMA_ROWS * pitch(codes);
    }

    /**
     * {@code y (tokens, rows) <- z (tokens, k) · codesᵀ}, f32, or {@code y + z · codesᵀ}.
     *
     * @param codes  as they were packed
     * @param words  where its words lie, 16-byte aligned
     * @param starts where its starts lie; any address if there are none
     * @param add    whether y is added to, or overwritten
     * @throws IllegalArgumentException if there are more than {@value #MOST_TOKENS} tokens, or k asks for more shared memory
     *                                  than a block has
     */
    public void multiply(SlottedShape codes, long words, long starts, long z, long y, int tokens, boolean add) {
        if (tokens > MOST_TOKENS) {
            throw new IllegalArgumentException(
                    "a product on tensor cores takes at most " + MOST_TOKENS + " tokens, not " + tokens);
        }
        if (codes.rows() == 0 || tokens == 0) {
            return;
        }
        if (!takes(codes)) {
            throw new IllegalArgumentException("codes over " + codes.k() + " atoms need " + sharedBytes(codes)
                    + " bytes of shared memory, and a block has "
                    + (mostShared - STATIC_SHARED_BYTES));
        }
        int blocks = (codes.rows() + MMA_ROWS - 1) / MMA_ROWS;
        launcher.launch(
                "packed_mma_" + codes.suffix(),
                new LaunchGeometry(blocks, 1, THREADS, 1, (int) sharedBytes(codes)),
                codes.arguments(
                        words,
                        starts,
                        z,
                        y,
                        codes.rows(),
                        codes.units(),
                        codes.k(),
                        pitch(codes),
                        tokens,
                        add ? 1 : 0));
    }
}
