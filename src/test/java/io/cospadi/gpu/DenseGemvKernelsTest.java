package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Products with bf16 weights against plain loops in f64. */
class DenseGemvKernelsTest extends AbstractKernelTest {
    private static float widened(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    private static List<DenseGemvKernels.Product> ofRows(int... rows) {
        return Arrays.stream(rows)
                .mapToObj(count -> new DenseGemvKernels.Product(0, 0, count))
                .toList();
    }

    private void assertProduct(int tokens, int rows, int cols, int multiprocessors, double alpha, double beta) {
        float[] x = normal(tokens * cols);
        float[] before = normal(tokens * rows);
        if (beta == 0) {
            // must not be read
            Arrays.fill(before, Float.NaN);
        }
        short[] weights = new short[rows * cols];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (short) (Float.floatToRawIntBits((float) random.nextGaussian()) >>> 16);
        }
        double[] expected = new double[tokens * rows];
        double[] allowance = new double[expected.length];
        for (int t = 0; t < tokens; t++) {
            for (int i = 0; i < rows; i++) {
                double sum = 0;
                double magnitudes = 0;
                for (int j = 0; j < cols; j++) {
                    double product = (double) x[t * cols + j] * widened(weights[i * cols + j]);
                    sum += product;
                    magnitudes += Math.abs(product);
                }
                double kept = beta == 0 ? 0 : beta * before[t * rows + i];
                expected[t * rows + i] = alpha * sum + kept;
                // a product is rounded once, then goes through at most 32 sums of its lane, 5 of the tree, 32 of the
                // warps;
                // then alpha, beta and their sum
                int roundings = 1 + 32 + 5 + 32 + 3;
                allowance[t * rows + i] = roundings * ROUNDING * 1.001 * (Math.abs(alpha) * magnitudes + Math.abs(kept))
                        + SMALLEST_NORMAL;
            }
        }
        var token = device.array(x);
        var matrix = device.array(weights).weights();
        float[] first = null;
        for (int order = 0; order < ORDERS; order++) {
            var y = device.array(before);
            new DenseGemvKernels(device, multiprocessors)
                    .multiply(
                            alpha,
                            token.address(),
                            List.of(new DenseGemvKernels.Product(matrix.address(), y.address(), rows)),
                            beta,
                            tokens,
                            cols);
            assertWithin(allowance, expected, y.floats(), rows + " x " + cols);
            first = first == null ? y.floats() : first;
            assertArrayEquals(first, y.floats(), "the result depends on the order of threads");
        }
    }

    /** At the edges of a unit, a warp, a block, a batch of rows; one unit a lane, two and four. */
    @ParameterizedTest
    @CsvSource({
        "1,8,1",
        "3,16,1",
        "4,248,1",
        "5,256,1",
        "9,264,2",
        "13,4096,1",
        "2,4104,1",
        "7,14336,1",
        "3,16384,2",
        "2,16392,1",
        "1,32768,1"
    })
    void productEqualsPlainProduct(int rows, int cols, int multiprocessors) {
        assertProduct(1, rows, cols, multiprocessors, 1, 0);
    }

    @ParameterizedTest
    @CsvSource({"1,7,40", "3,50,48", "132,50,48", "132,1,64"})
    void everyGridGivesTheProduct(int multiprocessors, int rows, int cols) {
        assertProduct(3, rows, cols, multiprocessors, 1, 0);
    }

    @Test
    void resultIsScaledAndAddedTo() {
        assertProduct(2, 11, 72, 2, -1.5, 0);
        assertProduct(2, 11, 72, 2, 0.25, 2);
    }

    @Test
    void columnsBeyondTheLimitsAreRefused() {
        assertTrue(DenseGemvKernels.takes(32_768));
        assertFalse(DenseGemvKernels.takes(32_776));
        assertFalse(DenseGemvKernels.takes(4100));
        assertFalse(DenseGemvKernels.takes(0));
        DenseGemvKernels kernels = new DenseGemvKernels(device, 1);
        assertThrows(IllegalArgumentException.class, () -> kernels.multiply(1, 0, ofRows(1), 0, 1, 4100));
        assertThrows(IllegalArgumentException.class, () -> new DenseGemvKernels(device, 0));
    }

    @Test
    void nothingNeedsNoLaunch() {
        DenseGemvKernels kernels = new DenseGemvKernels(
                (kernel, geometry, arguments) -> {
                    throw new AssertionError("launched " + kernel);
                },
                1);
        kernels.multiply(1, 0, ofRows(5), 0, 0, 8);
        kernels.multiply(1, 0, ofRows(0, 0), 0, 1, 8);
        kernels.multiply(1, 0, List.of(), 0, 1, 8);
    }

    /** As the language model's head, whose rows are many: the sums of a block stay within its shared memory. */
    @Test
    void manyRowsTakeMoreBlocks() {
        int[] blocks = new int[1];
        new DenseGemvKernels((kernel, geometry, arguments) -> blocks[0] = geometry.gridY(), 1)
                .multiply(1, 0, ofRows(128_256), 0, 1, 14_336);
        int rowsOfBlock = 8192 / 28;
        assertEquals((128_256 + rowsOfBlock - 1) / rowsOfBlock, blocks[0]);
    }

    /** Bit for bit what each gives alone, which {@link #productEqualsPlainProduct} sees to; with many multiprocessors and with one. */
    @ParameterizedTest
    @CsvSource({"7,5,3,264,1", "1,40,2,4096,1", "40,8,8,72,2", "33,0,6,16,1", "5,9,0,4104,3"})
    void productsOfALaunchAreEachWhatItIsAlone(int first, int second, int third, int cols, int tokens) {
        int[] rows = {first, second, third};
        var x = device.array(normal(tokens * cols));
        for (int order = 0; order < ORDERS; order++) {
            DenseGemvKernels kernels = new DenseGemvKernels(device, new int[] {1, 5, 132}[order % 3]);
            List<DenseGemvKernels.Product> products = new ArrayList<>();
            List<EmulatedDevice.Array> alone = new ArrayList<>();
            List<EmulatedDevice.Array> together = new ArrayList<>();
            for (int count : rows) {
                short[] weights = new short[count * cols];
                for (int i = 0; i < weights.length; i++) {
                    weights[i] = (short) (Float.floatToRawIntBits((float) random.nextGaussian()) >>> 16);
                }
                long matrix = device.array(weights).weights().address();
                float[] before = normal(tokens * count);
                alone.add(device.array(before));
                together.add(device.array(before));
                long y = alone.get(alone.size() - 1).address();
                kernels.multiply(
                        2, x.address(), List.of(new DenseGemvKernels.Product(matrix, y, count)), 0.5, tokens, cols);
                products.add(new DenseGemvKernels.Product(
                        matrix, together.get(together.size() - 1).address(), count));
            }
            kernels.multiply(2, x.address(), products, 0.5, tokens, cols);
            for (int p = 0; p < rows.length; p++) {
                assertArrayEquals(alone.get(p).floats(), together.get(p).floats(), "product " + p);
            }
        }
    }

    /** No more blocks than run at once; 4096 columns take 16 warps. */
    @Test
    void productsShareTheBlocksThatRunAtOnce() {
        List<Integer> blocks = new ArrayList<>();
        DenseGemvKernels kernels =
                new DenseGemvKernels((kernel, geometry, arguments) -> blocks.add(geometry.gridY()), 132);
        kernels.multiply(1, 0, ofRows(2184, 728, 728), 0, 1, 4096);
        kernels.multiply(1, 0, ofRows(4170, 4170), 0, 1, 4096);
        kernels.multiply(1, 0, ofRows(3, 2, 1), 0, 1, 4096);
        assertEquals(List.of(2184 / 14 + 2 * 52, 2 * 131, 6), blocks);
        assertThrows(IllegalArgumentException.class, () -> kernels.multiply(1, 0, ofRows(1, 1, 1, 1), 0, 1, 8));
    }
}
