package io.cospadi.gpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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

    /** That a call takes. */
    public static final int MOST_PRODUCTS = 3;

    private static final Product NONE =
            new Product(new SlottedShape(0, 0, SlottedCodes.Pattern.GAPS, 0, 0), 0, 0, 0, 0);

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
     * A product with codes.
     *
     * @param codes  as they were packed
     * @param words  where its words lie, 16-byte aligned
     * @param starts where its starts lie; any address if there are none
     * @param z      where (tokens, k) lie
     * @param y      where (tokens, rows) go
     */
    public record Product(SlottedShape codes, long words, long starts, long z, long y) {}

    /**
     * {@code y (tokens, rows) <- z (tokens, k) · codesᵀ}, f32, or {@code y + z · codesᵀ}, for each product; of a single token all
     * that have a pattern run in one launch. A token's bits are the same whatever tokens and products are beside it.
     *
     * @param products up to {@value #MOST_PRODUCTS}, whose results lie apart
     * @param add      whether y is added to, or overwritten
     * @throws IllegalArgumentException if there are more than 65,535 tokens, or k asks for more shared memory than a block has
     */
    public void multiply(List<Product> products, int tokens, boolean add) {
        if (products.size() > MOST_PRODUCTS) {
            throw new IllegalArgumentException(
                    "at most " + MOST_PRODUCTS + " products in a launch, not " + products.size());
        }
        if (tokens > MOST_TOKENS) {
            throw new IllegalArgumentException("at most " + MOST_TOKENS + " tokens at a time, not " + tokens);
        }
        if (tokens == 0) {
            return;
        }
        Map<String, List<Product>> alone = new LinkedHashMap<>();
        for (Product product : products) {
            int sharing = sharing(product.codes(), tokens);
            if (product.codes().rows() == 0) {
                continue;
            }
            if (sharing > 1) {
                shareReadings(product, tokens, sharing, add);
            } else {
                requireRoom(product.codes());
                alone.computeIfAbsent(product.codes().suffix(), pattern -> new ArrayList<>())
                        .add(product);
            }
        }
        alone.forEach((pattern, all) -> readForEachToken(pattern, all, tokens, add));
    }

    private void requireRoom(SlottedShape codes) {
        if (!takes(codes)) {
            throw new IllegalArgumentException("codes over " + codes.k() + " atoms need " + Float.BYTES * codes.reach()
                    + " bytes of shared memory, and a block has " + (mostShared - staticSharedBytes(codes)));
        }
    }

    private void readForEachToken(String pattern, List<Product> products, int tokens, boolean add) {
        int[] tiles =
                products.stream().mapToInt(product -> product.codes().tiles()).toArray();
        int reach = products.stream()
                .mapToInt(product -> product.codes().reach())
                .max()
                .orElseThrow();
        boolean grouped = products.get(0).codes().grouped();
        boolean few = (long) Arrays.stream(tiles).sum() * tokens < (long) MANY_BLOCKS * multiprocessors;
        Number[] members = new Number[8 * MOST_PRODUCTS];
        for (int p = 0; p < MOST_PRODUCTS; p++) {
            Product product = p < products.size() ? products.get(p) : NONE;
            SlottedShape codes = product.codes();
            members[8 * p] = product.words();
            members[8 * p + 1] = product.starts();
            members[8 * p + 2] = product.z();
            members[8 * p + 3] = product.y();
            members[8 * p + 4] = codes.rows();
            members[8 * p + 5] = codes.units();
            members[8 * p + 6] = codes.k();
            members[8 * p + 7] = codes.reach();
        }
        int warps = few && grouped ? 2 * SlottedCodes.PARTS : SlottedCodes.PARTS;
        launcher.launch(
                "packed_gemv_" + pattern + (few ? "_few" : ""),
                new LaunchGeometry(
                        Arrays.stream(tiles).max().orElseThrow(),
                        tokens,
                        products.size(),
                        SlottedCodes.TILE_ROWS,
                        warps,
                        Float.BYTES * reach),
                new LaunchArguments.Struct(members),
                add ? 1 : 0);
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

    private void shareReadings(Product product, int tokens, int sharing, boolean add) {
        SlottedShape codes = product.codes();
        int resident = (int) Math.max(1, Math.min(SHARING_BLOCKS, mostShared / sharedBytes(codes, sharing)));
        int blocks = (int) Math.min(codes.tiles(), (long) resident * multiprocessors);
        launcher.launch(
                "packed_gemv_tokens_" + sharing + "_" + codes.suffix(),
                geometry(blocks, (tokens + sharing - 1) / sharing, Float.BYTES * sharing * codes.reach()),
                codes.arguments(
                        product.words(),
                        product.starts(),
                        product.z(),
                        product.y(),
                        codes.rows(),
                        codes.units(),
                        codes.k(),
                        codes.reach(),
                        tokens,
                        add ? 1 : 0));
    }

    /**
     * Rows {@code from .. from+count-1} of the codes as a dense (count, pitch) BF16 matrix, zeros included; exact.
     *
     * @param words  where the words of all rows lie
     * @param starts where the starts of all rows lie
     * @param pitch  elements from one row of the matrix to the next, a multiple of 8, k or more; zeros from column k on
     * @param out    where the matrix lies, 16-byte aligned
     * @throws IllegalArgumentException if {@code from} is not a tile's first row, or rows don't fit the pitch
     */
    public void unpack(SlottedShape codes, long words, long starts, int from, int count, int pitch, long out) {
        if (from % SlottedCodes.TILE_ROWS != 0) {
            throw new IllegalArgumentException(
                    "row " + from + " is not the first of a tile of " + SlottedCodes.TILE_ROWS);
        }
        if (pitch % 8 != 0 || pitch < codes.k()) {
            throw new IllegalArgumentException("rows of " + codes.k() + " atoms don't lie " + pitch + " apart");
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
                codes.arguments(ownWords, ownStarts, out, count, codes.units(), pitch));
    }

    private static LaunchGeometry geometry(int tiles, int tokens, int shared) {
        return new LaunchGeometry(tiles, tokens, SlottedCodes.TILE_ROWS, SlottedCodes.PARTS, shared);
    }
}
