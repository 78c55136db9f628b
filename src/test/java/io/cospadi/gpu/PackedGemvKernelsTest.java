package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.Codes;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Products with packed codes against plain loops over the codes that were packed. */
class PackedGemvKernelsTest extends AbstractKernelTest {
    /** Random supports; values of 14 bits, some of them 0. */
    private Codes codes(int rows, int k, int s) {
        return codes(rows, k, s, 14);
    }

    private Codes codes(int rows, int k, int s, int bits) {
        int[] atoms = new int[rows * s];
        float[] values = new float[rows * s];
        List<Integer> all = IntStream.range(0, k).boxed().collect(Collectors.toList());
        for (int i = 0; i < rows; i++) {
            Collections.shuffle(all, random);
            int[] support = all.stream().limit(s).mapToInt(j -> j).sorted().toArray();
            System.arraycopy(support, 0, atoms, i * s, s);
            for (int p = i * s; p < (i + 1) * s; p++) {
                float value = random.nextInt(10) == 0 ? 0 : (float) random.nextGaussian();
                values[p] = Float.intBitsToFloat(Float.floatToRawIntBits(value) & -1 << 32 - bits);
            }
        }
        return new Codes(rows, k, s, atoms, values);
    }

    private void assertProduct(Codes codes, int tokens, int mostBlocks) {
        int k = codes.k();
        int s = codes.s();
        float[] z = normal(tokens * k);
        double[] expected = new double[tokens * codes.rows()];
        double[] allowance = new double[expected.length];
        for (int t = 0; t < tokens; t++) {
            for (int i = 0; i < codes.rows(); i++) {
                double sum = 0;
                double magnitudes = 0;
                for (int p = i * s; p < (i + 1) * s; p++) {
                    double product = (double) z[t * k + codes.atoms()[p]] * codes.values()[p];
                    sum += product;
                    magnitudes += Math.abs(product);
                }
                expected[t * codes.rows() + i] = sum;
                // a product is rounded once, then goes through at most ceil(k / 32) sums of its lane and 5 of the tree
                int roundings = 1 + (k + 31) / 32 + 5;
                allowance[t * codes.rows() + i] = roundings * ROUNDING * 1.001 * magnitudes + SMALLEST_NORMAL;
            }
        }
        SlottedCodes slotted = new SlottedCodes(codes);
        var slots = device.array(slotted.slots());
        var rest = device.array(slotted.rest());
        var token = device.array(z);
        float[] first = null;
        for (int order = 0; order < ORDERS; order++) {
            var y = device.room(expected.length);
            new PackedGemvKernels(device, mostBlocks)
                    .multiply(slotted, slots.address(), rest.address(), token.address(), y.address(), tokens);
            assertWithin(allowance, expected, y.floats(), "k " + k + ", s " + s);
            first = first == null ? y.floats() : first;
            assertArrayEquals(first, y.floats(), "the result depends on the order of threads");
        }
    }

    /** At the edges of a mask word, a slot group, a warp's stride and a block's rows; s below, at and above k / 2. */
    @ParameterizedTest
    @CsvSource({
        "1,1,1",
        "7,2,1",
        "8,15,8",
        "9,16,16",
        "3,31,15",
        "3,32,16",
        "3,33,16",
        "3,33,17",
        "17,64,32",
        "5,65,1",
        "5,65,65",
        "2,257,128",
        "2,1023,511",
        "2,1025,513",
        "2,2085,40"
    })
    void packedProductEqualsPlainProduct(int rows, int k, int s) {
        assertProduct(codes(rows, k, s), 1, 1000);
    }

    /** Slots without room for the mask. */
    @ParameterizedTest
    @CsvSource({"1,1,1", "8,15,8", "3,33,17", "5,65,65", "2,1025,513"})
    void sixteenBitsMakeTheSameProduct(int rows, int k, int s) {
        assertProduct(codes(rows, k, s, 16), 1, 1000);
    }

    @ParameterizedTest
    @CsvSource({"1,1", "1,3", "2,1", "3,5"})
    void everyGridGivesTheProduct(int mostBlocks, int tokens) {
        assertProduct(codes(41, 77, 38), tokens, mostBlocks);
    }

    /** Every element of a run of rows, zeros included, at the edges of mask words and with mask words apart. */
    @ParameterizedTest
    @CsvSource({
        "1,1,1,1,14",
        "8,15,8,1000,14",
        "9,16,16,1,14",
        "9,16,16,1,16",
        "3,33,16,2,14",
        "5,65,1,1000,14",
        "5,65,1,1000,16",
        "5,65,65,1,14",
        "2,1025,513,1000,14",
        "2,1025,513,1000,16"
    })
    void unpackedRowsAreTheCodes(int rows, int k, int s, int mostBlocks, int bits) {
        Codes codes = codes(rows, k, s, bits);
        SlottedCodes slotted = new SlottedCodes(codes);
        var slots = device.array(slotted.slots());
        var rest = device.array(slotted.rest());
        for (int from = 0; from < rows; from++) {
            float[] expected = new float[(rows - from) * k];
            for (int p = from * s; p < rows * s; p++) {
                expected[(p / s - from) * k + codes.atoms()[p]] = codes.values()[p];
            }
            var out = device.room(expected.length);
            new PackedGemvKernels(device, mostBlocks)
                    .unpack(slotted, slots.address(), rest.address(), from, rows - from, out.address());
            assertArrayEquals(expected, out.floats());
        }
    }

    @Test
    void noRowsNeedNoLaunch() {
        SlottedCodes none = new SlottedCodes(codes(0, 5, 2));
        PackedGemvKernels kernels = new PackedGemvKernels(
                (kernel, geometry, arguments) -> {
                    throw new AssertionError("launched " + kernel);
                },
                1);
        kernels.multiply(none, 0, 0, 0, 0, 1);
        kernels.multiply(new SlottedCodes(codes(3, 5, 2)), 0, 0, 0, 0, 0);
    }

    @Test
    void shapesBeyondTheLimitsAreRefused() {
        SlottedCodes wide = new SlottedCodes(codes(1, 14_000, 7_000));
        PackedGemvKernels kernels = new PackedGemvKernels(device, 1);
        assertThrows(IllegalArgumentException.class, () -> kernels.multiply(wide, 0, 0, 0, 0, 1));
        SlottedCodes small = new SlottedCodes(codes(1, 5, 2));
        assertThrows(IllegalArgumentException.class, () -> kernels.multiply(small, 0, 0, 0, 0, 65_536));
        assertThrows(IllegalArgumentException.class, () -> new PackedGemvKernels(device, 0));
    }
}
