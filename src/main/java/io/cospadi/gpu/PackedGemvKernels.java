package io.cospadi.gpu;

/**
 * Launches of {@code packed_gemv.cu} and {@code unpack_slots.cu}: products with codes that lie on the device as
 * {@link SlottedCodes}.
 */
public final class PackedGemvKernels {
    private static final int MOST_WARPS = 16;

    private final Launcher launcher;
    private final int multiprocessors;

    /** @param multiprocessors of the device, which blocks are spread over evenly; results do not depend on it */
    public PackedGemvKernels(Launcher launcher, int multiprocessors) {
        if (multiprocessors < 1) {
            throw new IllegalArgumentException("need 1 multiprocessor or more, got " + multiprocessors);
        }
        this.launcher = launcher;
        this.multiprocessors = multiprocessors;
    }

    /**
     * {@code y (tokens, rows) <- z (tokens, k) · codesᵀ}, f32.
     *
     * @param codes  whose shape counts
     * @param words  where its words lie, 16-byte aligned
     * @param starts where its starts lie; any address if there are none
     * @throws IllegalArgumentException if there are more than 65,535 tokens, or k asks for more shared memory than a block has
     */
    public void multiply(SlottedCodes codes, long words, long starts, long z, long y, int tokens) {
        if (codes.rows() == 0 || tokens == 0) {
            return;
        }
        String kernel = "packed_gemv_" + suffix(codes);
        int warps = warps(codes.tiles());
        LaunchGeometry geometry = new LaunchGeometry(
                (codes.tiles() + warps - 1) / warps, tokens, SlottedCodes.LANES, warps, 4 * codes.reach());
        if (codes.starts().length > 0) {
            launcher.launch(
                    kernel,
                    geometry,
                    words,
                    starts,
                    z,
                    y,
                    codes.rows(),
                    codes.rowsPerTile(),
                    codes.units(),
                    codes.k(),
                    codes.reach());
        } else {
            launcher.launch(
                    kernel,
                    geometry,
                    words,
                    z,
                    y,
                    codes.rows(),
                    codes.rowsPerTile(),
                    codes.units(),
                    codes.k(),
                    codes.reach());
        }
    }

    /**
     * Rows {@code from .. from+count-1} of the codes as a dense (count, k) f32 matrix, zeros included.
     *
     * @param words  where the words of all rows lie
     * @param starts where the starts of all rows lie
     * @throws IllegalArgumentException if {@code from} is not a tile's first row
     */
    public void unpack(SlottedCodes codes, long words, long starts, int from, int count, long out) {
        int rowsPerTile = codes.rowsPerTile();
        if (from % rowsPerTile != 0) {
            throw new IllegalArgumentException("row " + from + " is not the first of a tile of " + rowsPerTile);
        }
        if (count == 0) {
            return;
        }
        int tiles = (count + rowsPerTile - 1) / rowsPerTile;
        int warps = warps(tiles);
        LaunchGeometry geometry = new LaunchGeometry((tiles + warps - 1) / warps, 1, SlottedCodes.LANES, warps, 0);
        String kernel = "unpack_" + suffix(codes);
        long streams = (long) SlottedCodes.LANES * (from / rowsPerTile);
        long ownWords = words + SlottedCodes.UNIT_BYTES * streams * codes.units();
        if (codes.starts().length > 0) {
            long ownStarts = starts + Short.BYTES * streams;
            launcher.launch(kernel, geometry, ownWords, ownStarts, out, count, rowsPerTile, codes.units(), codes.k());
        } else {
            launcher.launch(kernel, geometry, ownWords, out, count, rowsPerTile, codes.units(), codes.k());
        }
    }

    private static String suffix(SlottedCodes codes) {
        return switch (codes.pattern()) {
            case GAPS -> "gaps";
            case WIDE -> "wide";
            case EIGHT_OF_SIXTEEN -> "8_16";
            case TWO_OF_FOUR -> "2_4";
        };
    }

    /** Warps a block that leave the fewest of the device's multiprocessors without a block in the last round. */
    private int warps(int tiles) {
        int best = 1;
        long fewest = Long.MAX_VALUE;
        for (int warps = MOST_WARPS; warps >= 1; warps--) {
            long blocks = (tiles + warps - 1) / warps;
            long places = (blocks + multiprocessors - 1) / multiprocessors * multiprocessors * warps;
            if (places < fewest) {
                fewest = places;
                best = warps;
            }
        }
        return best;
    }
}
