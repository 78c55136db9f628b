package io.cospadi.gpu;

/** Launches of {@code packed_gemv.cu} and {@code unpack_slots.cu}: products with codes that lie on the device as {@link SlottedCodes}. */
public final class PackedGemvKernels {
    private static final int WARPS = 8;

    private final Launcher launcher;
    private final int mostBlocks;

    /** @param mostBlocks blocks that the device holds at once, 1 or more; a block then serves several rows a warp */
    public PackedGemvKernels(Launcher launcher, int mostBlocks) {
        if (mostBlocks < 1) {
            throw new IllegalArgumentException("need 1 block or more, got " + mostBlocks);
        }
        this.launcher = launcher;
        this.mostBlocks = mostBlocks;
    }

    /**
     * {@code y (tokens, rows) <- z (tokens, k) · codesᵀ}, f32.
     *
     * @param codes whose shape counts
     * @param slots where its slots lie, 16-byte aligned
     * @param rest  where its mask words beyond the slots lie; any address if there are none
     * @throws IllegalArgumentException if there are more than 65,535 tokens, or k and s ask for more shared memory than a
     *     block has
     */
    public void multiply(SlottedCodes codes, long slots, long rest, long z, long y, int tokens) {
        int rows = codes.rows();
        if (rows > 0 && tokens > 0) {
            int blocks = Math.min(mostBlocks, (rows + WARPS - 1) / WARPS);
            long words = (codes.k() + 31) / 32;
            int shared = Math.toIntExact(128 * words + WARPS * (2L * codes.stride() + 4 * words));
            LaunchGeometry geometry = new LaunchGeometry(blocks, tokens, 32, WARPS, shared);
            launcher.launch(
                    "packed_gemv", geometry, slots, rest, z, y, rows, codes.k(), codes.stride(), codes.carriedWords());
        }
    }

    /**
     * Rows {@code from .. from+count-1} of the codes as a dense (count, k) f32 matrix, zeros included.
     *
     * @param slots where the slots of all rows lie
     * @param rest  where the mask words beyond the slots lie
     */
    public void unpack(SlottedCodes codes, long slots, long rest, int from, int count, long out) {
        if (count > 0) {
            int blocks = Math.min(mostBlocks, (count + WARPS - 1) / WARPS);
            launcher.launch(
                    "unpack_slots",
                    new LaunchGeometry(blocks, 1, 32, WARPS, 0),
                    slots + (long) Short.BYTES * codes.stride() * from,
                    rest + (long) Integer.BYTES * codes.restWords() * from,
                    out,
                    count,
                    codes.k(),
                    codes.stride(),
                    codes.carriedWords());
        }
    }
}
