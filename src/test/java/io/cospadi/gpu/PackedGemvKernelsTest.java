package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.Codes;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Products with packed codes against plain loops over the codes that were packed. */
class PackedGemvKernelsTest extends AbstractKernelTest {
    private static final int MOST_SHARED = LaunchGeometry.MOST_SHARED_BYTES;

    /** Random supports; values of 14 bits, some of them 0. */
    private Codes codes(int rows, int k, int s) {
        return codes(rows, k, s, 14);
    }

    private Codes codes(int rows, int k, int s, int bits) {
        return codes(rows, k, s, k, bits);
    }

    private Codes codes(int rows, int k, int stored, int group, int bits) {
        return PlainCodes.random(random, rows, k, stored, group, bits);
    }

    private static PackedGemvKernels.Product product(
            SlottedCodes slotted, EmulatedDevice.Array words, EmulatedDevice.Array starts, long z, long y) {
        return new PackedGemvKernels.Product(slotted.shape(), words.address(), starts.address(), z, y);
    }

    private static List<PackedGemvKernels.Product> nowhere(SlottedShape... shapes) {
        return Stream.of(shapes)
                .map(shape -> new PackedGemvKernels.Product(shape, 0, 0, 0, 0))
                .toList();
    }

    private void assertProduct(Codes codes, int tokens) {
        assertProduct(codes, tokens, false);
        assertProduct(codes, tokens, true);
    }

    private void assertProduct(Codes codes, int tokens, boolean add) {
        int k = codes.k();
        int s = codes.s();
        float[] z = normal(tokens * k);
        float[] before = normal(tokens * codes.rows());
        PlainCodes.Product expected = PlainCodes.Product.of(codes, z, add ? before : new float[before.length]);
        // a product is rounded once, then goes through fewer sums than there are nonzeros, and 17 of the warps
        double[] allowance = expected.allowance(1 + s + 17);
        SlottedCodes slotted = new SlottedCodes(codes);
        var words = device.array(slotted.words()).weights();
        var starts = device.array(slotted.starts()).weights();
        var token = device.array(z);
        float[] first = null;
        for (int order = 0; order < ORDERS; order++) {
            var y = add ? device.array(before) : device.room(before.length);
            // one multiprocessor is filled by two blocks; many get the kernels for few blocks
            new PackedGemvKernels(device, order % 2 == 0 ? 1 : 100_000, MOST_SHARED)
                    .multiply(List.of(product(slotted, words, starts, token.address(), y.address())), tokens, add);
            assertWithin(allowance, expected.values(), y.floats(), slotted.pattern() + ", k " + k + ", s " + s);
            first = first == null ? y.floats() : first;
            assertArrayEquals(
                    first, y.floats(), "the result depends on the order of threads, or on how many blocks there are");
        }
    }

    private void assertUnpacked(Codes codes) {
        int rows = codes.rows();
        int k = codes.k();
        int s = codes.s();
        SlottedCodes slotted = new SlottedCodes(codes);
        var words = device.array(slotted.words()).weights();
        var starts = device.array(slotted.starts()).weights();
        for (int from = 0; from < rows; from += SlottedCodes.TILE_ROWS) {
            // all the rest, and at the last tile all but one row
            int to = from + SlottedCodes.TILE_ROWS < rows ? rows : Math.max(from + 1, rows - 1);
            // the least pitch there is, or one with room to spare
            int pitch = (k + 7) / 8 * 8 + from / SlottedCodes.TILE_ROWS % 2 * 16;
            float[] expected = new float[(to - from) * pitch];
            for (int p = from * s; p < to * s; p++) {
                expected[(p / s - from) * pitch + codes.atoms()[p]] = codes.values()[p];
            }
            var out = device.narrowRoom(expected.length);
            new PackedGemvKernels(device, 1, MOST_SHARED)
                    .unpack(slotted.shape(), words.address(), starts.address(), from, to - from, pitch, out.address());
            assertArrayEquals(expected, out.brainFloats());
        }
    }

    /** At the edges of a unit, a tile and its parts, with fewer units than parts and more; s below, at and above k / 2. */
    @ParameterizedTest
    @CsvSource({
        "1,1,1",
        "7,2,1",
        "8,15,8",
        "9,16,9",
        "31,31,15",
        "32,33,16",
        "33,34,17",
        "17,64,32",
        "5,65,1",
        "5,65,65",
        "33,257,128",
        "2,1023,511",
        "3,1025,513",
        "65,1000,499",
        "2,2085,40"
    })
    void packedProductEqualsPlainProduct(int rows, int k, int s) {
        assertProduct(codes(rows, k, s), 1);
        assertProduct(codes(rows, k, s), 2);
        assertUnpacked(codes(rows, k, s));
    }

    /** A slot a word. */
    @ParameterizedTest
    @CsvSource({"1,1,1", "8,15,8", "33,33,17", "5,65,65", "2,1025,513"})
    void sixteenBitsMakeTheSameProduct(int rows, int k, int s) {
        assertProduct(codes(rows, k, s, 16), 1);
        assertProduct(codes(rows, k, s, 16), 2);
        assertUnpacked(codes(rows, k, s, 16));
    }

    @Test
    void theLongestGapsAreTaken() {
        for (float value : new float[] {1, 1 + 0x1p-7f}) {
            Codes codes = new Codes(1, 39_000, 2, new int[] {3, 38_998}, new float[] {value, value});
            assertProduct(codes, 2);
            assertUnpacked(codes);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,16", "33,32", "5,400", "3,1040"})
    void groupsMakeTheSameProduct(int rows, int k) {
        for (Codes codes : List.of(codes(rows, k, 8, 16, 14), codes(rows, k + 4, 2, 4, 14))) {
            assertProduct(codes, 1);
            assertProduct(codes, 2);
            assertUnpacked(codes);
        }
    }

    /** Every mask of 8 of 16 atoms in turn. */
    @Test
    void everyMaskOf8Of16IsRead() {
        int[] masks = IntStream.range(0, 1 << 16)
                .filter(mask -> Integer.bitCount(mask) == 8)
                .toArray();
        assertEquals(12_870, masks.length);
        int rows = 39;
        int units = masks.length / rows;
        int[] atoms = new int[masks.length * 8];
        float[] values = new float[atoms.length];
        for (int i = 0; i < masks.length; i++) {
            int slot = 8 * i;
            for (int bit = 0; bit < 16; bit++) {
                if ((masks[i] >> bit & 1) != 0) {
                    values[slot] = 1 + slot % 61;
                    atoms[slot++] = i % units * 16 + bit;
                }
            }
        }
        Codes codes = new Codes(rows, 16 * units, 8 * units, atoms, values);
        assertUnpacked(codes);
        assertProduct(codes, 1);
    }

    /** Tokens at both sides of what one reading serves, in several readings, over several tiles a block. */
    @ParameterizedTest
    @CsvSource({"3", "4", "5", "8", "9", "17"})
    void severalTokensAreMultiplied(int tokens) {
        assertProduct(codes(41, 77, 38), tokens);
        assertProduct(codes(130, 300, 150), tokens);
        assertProduct(codes(33, 77, 38, 16), tokens);
        assertProduct(codes(70, 160, 8, 16, 14), tokens);
        assertProduct(codes(70, 164, 2, 4, 14), tokens);
    }

    /** Shared memory holds 1, 2 or 4 of these tokens; {@link #lessSharedMemoryMeansMoreReadings} says which kernel that makes. */
    @ParameterizedTest
    @CsvSource({"40000", "15000", "9000"})
    void asManyTokensShareAReadingAsFit(int k) {
        assertProduct(codes(2, k, 30), 5);
    }

    /** A block of compute capability 8.6 has 99 KiB. */
    @Test
    void lessSharedMemoryMeansMoreReadings() {
        List<String> launched = new ArrayList<>();
        Launcher launcher = (kernel, geometry, arguments) -> launched.add(kernel + " " + geometry.gridY());
        SlottedShape shape = new SlottedCodes(codes(1, 4_000, 2_000)).shape();
        for (int most : new int[] {163 << 10, 99 << 10, 40 << 10, 25 << 10}) {
            new PackedGemvKernels(launcher, 1, most).multiply(nowhere(shape), 8, false);
        }
        assertEquals(
                List.of(
                        "packed_gemv_tokens_8_gaps 1",
                        "packed_gemv_tokens_4_gaps 2",
                        "packed_gemv_tokens_2_gaps 4",
                        "packed_gemv_gaps 8"),
                launched);
        PackedGemvKernels little = new PackedGemvKernels(launcher, 1, 16 << 10);
        assertThrows(IllegalArgumentException.class, () -> little.multiply(nowhere(shape), 1, false));
    }

    /** Rows of units enough that halves of parts differ; alone on a device with few blocks and with many. */
    @Test
    void aTokensBitsDependOnNoOther() {
        for (Codes codes : List.of(
                codes(70, 1200, 600),
                codes(70, 1200, 600, 16),
                codes(70, 16 * 71, 8, 16, 14),
                codes(70, 16 * 71 + 4, 2, 4, 14))) {
            SlottedCodes slotted = new SlottedCodes(codes);
            var words = device.array(slotted.words()).weights();
            var starts = device.array(slotted.starts()).weights();
            int tokens = 7;
            var z = device.array(normal(tokens * codes.k()));
            var together = device.room(tokens * codes.rows());
            new PackedGemvKernels(device, 1, MOST_SHARED)
                    .multiply(List.of(product(slotted, words, starts, z.address(), together.address())), tokens, false);
            for (int multiprocessors : new int[] {1, 100_000}) {
                var alone = device.room(tokens * codes.rows());
                PackedGemvKernels kernels = new PackedGemvKernels(device, multiprocessors, MOST_SHARED);
                for (int t = 0; t < tokens; t++) {
                    long from = z.address() + 4L * t * codes.k();
                    long to = alone.address() + 4L * t * codes.rows();
                    kernels.multiply(List.of(product(slotted, words, starts, from, to)), 1, false);
                }
                assertArrayEquals(alone.floats(), together.floats(), slotted.pattern() + ", " + multiprocessors);
            }
        }
    }

    /** Of one pattern, of several, without rows; with few blocks and many: bit for bit what each gives alone. */
    @Test
    void productsOfALaunchAreEachWhatItIsAlone() {
        assertTogether(codes(70, 1200, 600), codes(33, 77, 38), codes(1, 2085, 40));
        assertTogether(codes(64, 300, 150, 16), codes(31, 65, 65, 16));
        assertTogether(codes(32, 16 * 71, 8, 16, 14), codes(0, 16, 8, 16, 14), codes(65, 160, 8, 16, 14));
        assertTogether(codes(40, 164, 2, 4, 14), codes(41, 77, 38), codes(70, 1200, 2, 4, 14));
    }

    private void assertTogether(Codes... all) {
        for (int order = 0; order < 2 * ORDERS; order++) {
            boolean add = order % 3 == 0;
            PackedGemvKernels kernels = new PackedGemvKernels(device, order % 2 == 0 ? 1 : 100_000, MOST_SHARED);
            List<PackedGemvKernels.Product> products = new ArrayList<>();
            List<EmulatedDevice.Array> alone = new ArrayList<>();
            List<EmulatedDevice.Array> together = new ArrayList<>();
            for (Codes codes : all) {
                SlottedCodes slotted = new SlottedCodes(codes);
                var words = device.array(slotted.words()).weights();
                var starts = device.array(slotted.starts()).weights();
                long z = device.array(normal(codes.k())).address();
                float[] before = normal(codes.rows());
                var single = device.array(before);
                var one = device.array(before);
                kernels.multiply(List.of(product(slotted, words, starts, z, single.address())), 1, add);
                products.add(product(slotted, words, starts, z, one.address()));
                alone.add(single);
                together.add(one);
            }
            kernels.multiply(products, 1, add);
            for (int p = 0; p < all.length; p++) {
                assertArrayEquals(alone.get(p).floats(), together.get(p).floats(), "product " + p);
            }
        }
    }

    @Test
    void productsOfOnePatternAreOneLaunch() {
        List<String> launched = new ArrayList<>();
        PackedGemvKernels kernels = new PackedGemvKernels(
                (kernel, geometry, arguments) ->
                        launched.add(kernel + " " + geometry.gridX() + " x " + geometry.gridZ()),
                132,
                MOST_SHARED);
        SlottedShape q = new SlottedCodes(codes(4096, 8, 4)).shape();
        SlottedShape k = new SlottedCodes(codes(1024, 8, 4)).shape();
        kernels.multiply(nowhere(q, k, k), 1, false);
        kernels.multiply(nowhere(q, k, new SlottedCodes(codes(4096, 16, 8, 16, 14)).shape()), 1, false);
        assertEquals(
                List.of("packed_gemv_gaps_few 128 x 3", "packed_gemv_gaps_few 128 x 2", "packed_gemv_8_16_few 128 x 1"),
                launched);
        assertThrows(IllegalArgumentException.class, () -> kernels.multiply(nowhere(k, k, k, k), 1, false));
    }

    @Test
    void unpackingStartsAtATileAndKeepsRowsAligned() {
        SlottedCodes slotted = new SlottedCodes(codes(41, 77, 38));
        PackedGemvKernels kernels = new PackedGemvKernels(device, 1, MOST_SHARED);
        assertThrows(IllegalArgumentException.class, () -> kernels.unpack(slotted.shape(), 0, 0, 1, 40, 80, 0));
        assertThrows(IllegalArgumentException.class, () -> kernels.unpack(slotted.shape(), 0, 0, 0, 40, 77, 0));
        assertThrows(IllegalArgumentException.class, () -> kernels.unpack(slotted.shape(), 0, 0, 0, 40, 72, 0));
    }

    @Test
    void noRowsNeedNoLaunch() {
        SlottedCodes none = new SlottedCodes(codes(0, 5, 2));
        PackedGemvKernels kernels = new PackedGemvKernels(
                (kernel, geometry, arguments) -> {
                    throw new AssertionError("launched " + kernel);
                },
                1,
                MOST_SHARED);
        kernels.multiply(nowhere(none.shape()), 1, false);
        kernels.multiply(nowhere(new SlottedCodes(codes(3, 5, 2)).shape()), 0, false);
    }

    @Test
    void shapesBeyondTheLimitsAreRefused() {
        SlottedCodes wide = new SlottedCodes(codes(1, 42_000, 7_000));
        PackedGemvKernels kernels = new PackedGemvKernels(device, 1, MOST_SHARED);
        assertThrows(IllegalArgumentException.class, () -> kernels.multiply(nowhere(wide.shape()), 1, false));
        SlottedCodes small = new SlottedCodes(codes(1, 5, 2));
        assertThrows(IllegalArgumentException.class, () -> kernels.multiply(nowhere(small.shape()), 65_536, false));
    }
}
