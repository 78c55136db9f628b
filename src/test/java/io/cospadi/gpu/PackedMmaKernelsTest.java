package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.Codes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Products of several tokens with packed codes against plain loops in f64 over the codes that were packed. */
class PackedMmaKernelsTest extends AbstractKernelTest {
    private static final int MOST_SHARED = LaunchGeometry.MOST_SHARED_BYTES;

    private Codes codes(int rows, int k, int stored, int group, int bits) {
        return PlainCodes.random(random, rows, k, stored, group, bits);
    }

    private void assertProduct(SlottedCodes.Pattern pattern, Codes codes, int tokens) {
        assertProduct(pattern, codes, tokens, false);
        assertProduct(pattern, codes, tokens, true);
    }

    private void assertProduct(SlottedCodes.Pattern pattern, Codes codes, int tokens, boolean add) {
        int rows = codes.rows();
        int k = codes.k();
        int s = codes.s();
        float[] z = normal(tokens * k);
        float[] before = normal(tokens * rows);
        PlainCodes.Product expected = PlainCodes.Product.of(codes, z, add ? before : new float[before.length]);
        // three products a step of 16 atoms, of which a warp has every eighth; then 8 warps, and what y was
        double[] allowance = expected.allowance(3 * ((k + 127) / 128) + 8 + 1);
        SlottedCodes slotted = new SlottedCodes(codes);
        assertEquals(pattern, slotted.pattern());
        var words = device.array(slotted.words());
        var starts = device.array(slotted.starts());
        var token = device.array(z);
        float[] first = null;
        for (int order = 0; order < ORDERS; order++) {
            var y = add ? device.array(before) : device.room(before.length);
            new PackedMmaKernels(device, MOST_SHARED)
                    .multiply(
                            slotted.shape(),
                            words.address(),
                            starts.address(),
                            token.address(),
                            y.address(),
                            tokens,
                            add);
            assertWithin(
                    allowance, expected.values(), y.floats(), pattern + ", k " + k + ", s " + s + ", tokens " + tokens);
            first = first == null ? y.floats() : first;
            assertArrayEquals(first, y.floats(), "the result depends on the order of threads");
        }
    }

    /** At the edges of a tile of 8 tokens. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 8, 9, 16, 17, 63, 64})
    void everyPatternMultipliesAnyNumberOfTokens(int tokens) {
        assertProduct(SlottedCodes.Pattern.GAPS, codes(35, 77, 38, 77, 14), tokens);
        assertProduct(SlottedCodes.Pattern.WIDE, codes(35, 77, 38, 77, 16), tokens);
        assertProduct(SlottedCodes.Pattern.EIGHT_OF_SIXTEEN, codes(35, 80, 8, 16, 14), tokens);
        assertProduct(SlottedCodes.Pattern.TWO_OF_FOUR, codes(35, 84, 2, 4, 14), tokens);
    }

    /** At the edges of 16 rows, of a tile of them, and of a step of atoms; fewer steps than warps, and more. */
    @ParameterizedTest
    @CsvSource({
        "1,1,1",
        "7,2,1",
        "15,15,8",
        "16,17,9",
        "17,31,15",
        "31,33,17",
        "32,65,65",
        "33,129,64",
        "65,300,149",
        "2,1025,513"
    })
    void edgesAreMultiplied(int rows, int k, int s) {
        assertProduct(SlottedCodes.Pattern.GAPS, codes(rows, k, s, k, 14), 3);
    }

    @Test
    void manyAtomsInGroupsAreMultiplied() {
        assertProduct(SlottedCodes.Pattern.EIGHT_OF_SIXTEEN, codes(18, 1040, 8, 16, 14), 5);
        assertProduct(SlottedCodes.Pattern.TWO_OF_FOUR, codes(18, 1044, 2, 4, 14), 5);
    }

    @Test
    void nothingToDoNeedsNoLaunch() {
        PackedMmaKernels kernels = new PackedMmaKernels(
                (kernel, geometry, arguments) -> {
                    throw new AssertionError("launched " + kernel);
                },
                MOST_SHARED);
        kernels.multiply(new SlottedCodes(codes(0, 5, 2, 5, 14)).shape(), 0, 0, 0, 0, 2, false);
        kernels.multiply(new SlottedCodes(codes(3, 5, 2, 5, 14)).shape(), 0, 0, 0, 0, 0, false);
    }

    @Test
    void shapesBeyondTheLimitsAreRefused() {
        PackedMmaKernels kernels = new PackedMmaKernels(device, MOST_SHARED);
        SlottedShape wide = new SlottedCodes(codes(1, 5_200, 2_000, 5_200, 14)).shape();
        assertFalse(kernels.takes(wide));
        assertThrows(IllegalArgumentException.class, () -> kernels.multiply(wide, 0, 0, 0, 0, 2, false));
        SlottedShape small = new SlottedCodes(codes(1, 5, 2, 5, 14)).shape();
        assertThrows(IllegalArgumentException.class, () -> kernels.multiply(small, 0, 0, 0, 0, 65, false));
    }
}
