package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.cospadi.tensor.DType;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Diagonals, triangles and signs, exactly. */
class SquareKernelsTest extends AbstractKernelTest {
    private static final DType[] TYPES = {DType.F32, DType.F64};

    @ParameterizedTest
    @CsvSource({"1,1", "2,1", "65,1", "300,1", "300,2"})
    void diagonalsAreReadAndRaised(int n, int blocks) {
        SquareKernels kernels = new SquareKernels(withBlocks(blocks));
        for (DType type : TYPES) {
            double[] x = normalDoubles(n * n);
            var matrix = device.array(type, x);
            double[] diagonal = new double[n];
            for (int i = 0; i < n; i++) {
                double raised = x[i * (n + 1)] + 0.1;
                diagonal[i] = type == DType.F32 ? (float) raised : raised;
                x[i * (n + 1)] = diagonal[i];
            }
            var other = device.array(type, matrix.values(type));
            kernels.addToDiagonal(type, matrix.address(), 0.1, n);
            assertArrayEquals(x, matrix.values(type), "raised " + type);
            kernels.addToDiagonalBy(type, other.address(), device.array(0.1).address(), n);
            assertArrayEquals(x, other.values(type), "raised by a number on the device " + type);
            var out = device.array(type, new double[n]);
            kernels.diagonal(type, matrix.address(), out.address(), n);
            assertArrayEquals(diagonal, out.values(type), "read " + type);
        }
    }

    /** NaN counts on the diagonal, wherever, and nowhere else. */
    @ParameterizedTest
    @CsvSource({"1,256", "2,256", "65,32", "300,256"})
    void outcomeSaysWhetherAFactorIsSound(int n, int threads) {
        SquareKernels kernels = new SquareKernels(withThreads(threads));
        for (DType type : TYPES) {
            double[] x = normalDoubles(n * n);
            for (int i = 0; i < n * n; i++) {
                x[i] = i % (n + 1) == 0 ? x[i] : Double.NaN;
            }
            assertArrayEquals(new double[] {0}, outcome(kernels, type, x, n, 0));
            assertArrayEquals(new double[] {1}, outcome(kernels, type, x, n, -3));
            assertArrayEquals(new double[] {1}, outcome(kernels, type, x, n, n));
            for (int at : new int[] {0, n / 2, n - 1}) {
                double[] broken = x.clone();
                broken[at * (n + 1)] = Double.NaN;
                assertArrayEquals(new double[] {1}, outcome(kernels, type, broken, n, 0), "NaN at " + at);
            }
        }
    }

    private double[] outcome(SquareKernels kernels, DType type, double[] x, int n, int info) {
        var out = device.array(7.0);
        kernels.outcome(
                type,
                device.array(type, x).address(),
                device.array(new int[] {info}).address(),
                out.address(),
                n);
        return out.doubles();
    }

    @ParameterizedTest
    @CsvSource({"1,256", "2,256", "65,32", "300,256"})
    void upperTriangleIsCleared(int n, int threads) {
        for (DType type : TYPES) {
            double[] x = normalDoubles(n * n);
            var matrix = device.array(type, x);
            for (int i = 0; i < n; i++) {
                java.util.Arrays.fill(x, i * n + i + 1, (i + 1) * n, 0);
            }
            new SquareKernels(withThreads(threads)).clearUpper(type, matrix.address(), n);
            assertArrayEquals(x, matrix.values(type), "" + type);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 31, 64, 65, 300})
    void largestEntryOfEachRowBecomesPositive(int n) {
        for (DType type : TYPES) {
            for (int order = 0; order < ORDERS; order++) {
                double[] x = normalDoubles(n * n);
                for (int i = 0; i < n * n; i++) {
                    // every other row has ties of both signs everywhere
                    x[i] = i / n % 2 == 0 ? x[i] : Math.rint(x[i] / 2) * 2;
                }
                var matrix = device.array(type, x);
                for (int i = 0; i < n; i++) {
                    int largest = 0;
                    for (int j = 1; j < n; j++) {
                        largest = Math.abs(x[i * n + j]) > Math.abs(x[i * n + largest]) ? j : largest;
                    }
                    if (x[i * n + largest] < 0) {
                        for (int j = 0; j < n; j++) {
                            x[i * n + j] = -x[i * n + j];
                        }
                    }
                }
                new SquareKernels(order % 2 == 0 ? device : withThreads(64)).fixSigns(type, matrix.address(), n);
                assertArrayEquals(x, matrix.values(type), "" + type);
            }
        }
    }

    /** What an eigendecomposition of NaN leaves: nothing beyond the last row is read, which the sanitizer would see. */
    @Test
    void signsOfRowsOfNaNStay() {
        int n = 64;
        for (DType type : TYPES) {
            double[] x = new double[n * n];
            Arrays.fill(x, Double.NaN);
            var matrix = device.array(type, x);
            new SquareKernels(device).fixSigns(type, matrix.address(), n);
            assertArrayEquals(x, matrix.values(type), "" + type);
        }
    }
}
