package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.Arrays;
import java.util.Comparator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Nuclei of rows whose probabilities are sums of powers of two, so that it is known exactly where a share is reached. */
class NucleusKernelsTest extends AbstractKernelTest {
    private static NucleusKernels kernels(Launcher device, int threads) {
        return new NucleusKernels((kernel, geometry, arguments) ->
                device.launch(kernel, new LaunchGeometry(geometry.gridX(), 1, threads, 1, 0), arguments));
    }

    /** Columns of 1/2, 1/4, ... in any order, each but the first {@code twins} times, and columns without mass between them. */
    @ParameterizedTest
    @CsvSource({"1,1,32", "5,1,32", "9,2,64", "12,4,1024", "40,4,64", "700,2,128", "1100,1,1024"})
    void columnsStayUpToWhereTheShareIsReached(int cols, int twins, int threads) {
        int rows = 3;
        float[] x = new float[rows * cols];
        for (int row = 0; row < rows; row++) {
            for (int j = 0; j < cols; j++) {
                int power = 1 + j / twins;
                x[row * cols + j] = power > 12 ? Float.NEGATIVE_INFINITY : (float) (-power * Math.log(2));
            }
            for (int j = cols - 1; j > 0; j--) {
                int other = random.nextInt(j + 1);
                float mine = x[row * cols + j];
                x[row * cols + j] = x[row * cols + other];
                x[row * cols + other] = mine;
            }
        }
        for (double share : new double[] {0.01, 0.3, 0.6, 0.97, 0.99999}) {
            float[] expected = x.clone();
            for (int row = 0; row < rows; row++) {
                int start = row * cols;
                Integer[] order = new Integer[cols];
                Arrays.setAll(order, j -> j);
                Arrays.sort(order, Comparator.comparingDouble(j -> -x[start + j]));
                double total = 0;
                for (int j = 0; j < cols; j++) {
                    total += Math.exp(x[start + j]);
                }
                double before = 0;
                for (int j : order) {
                    expected[start + j] = before < share * total ? x[start + j] : Float.NEGATIVE_INFINITY;
                    before += Math.exp(x[start + j]);
                }
            }
            for (int round = 0; round < ORDERS; round++) {
                var found = device.array(x);
                kernels(device, threads).keepNucleus(found.address(), share, rows, cols);
                assertArrayEquals(expected, found.floats(), "share " + share);
            }
        }
    }

    @Test
    void positiveZeroAndNegativeRank() {
        // a hair above 0, as rounding leaves it; 0; and less
        var x = device.array(-3f, 0.001f, 0, -1, Float.NaN, 0);
        kernels(device, 32).keepNucleus(x.address(), 0.55, 1, 6);
        float none = Float.NEGATIVE_INFINITY;
        assertArrayEquals(new float[] {none, 0.001f, 0, none, none, none}, x.floats());
    }

    /** A mass of exactly 1, and one of exactly a half of it. */
    @Test
    void whatIsReachedExactlyIsReached() {
        float none = Float.NEGATIVE_INFINITY;
        var whole = device.array(none, 0f, -200, none);
        kernels(device, 32).keepNucleus(whole.address(), 1, 1, 4);
        assertArrayEquals(new float[] {none, 0, none, none}, whole.floats());
        var half = device.array(0f, -200, 0);
        kernels(device, 32).keepNucleus(half.address(), 0.5, 1, 3);
        assertArrayEquals(new float[] {0, none, none}, half.floats());
    }

    @Test
    void rowsWithoutMassStay() {
        float none = Float.NEGATIVE_INFINITY;
        var x = device.array(none, none, Float.NaN, -1f, none, none);
        kernels(device, 32).keepNucleus(x.address(), 0.5, 2, 3);
        assertArrayEquals(new float[] {none, none, Float.NaN, -1, none, none}, x.floats());
    }
}
