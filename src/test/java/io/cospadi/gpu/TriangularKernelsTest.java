package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Inverses of diagonal blocks against substitution in f64, within a bound that follows the kernel's joining of squares. */
class TriangularKernelsTest extends AbstractKernelTest {
    private static final int BLOCK = TriangularKernels.BLOCK;
    private static final int SQUARE = 16;

    /** What lies off the diagonal is so much smaller: at 0.05 blocks have condition numbers of about 5, at 0.35 of thousands. */
    @ParameterizedTest
    @CsvSource({
        "1,0.05",
        "15,0.35",
        "16,0.05",
        "17,0.35",
        "33,0.05",
        "127,0.05",
        "128,0.05",
        "128,0.35",
        "129,0.35",
        "255,0.05",
        "256,0.35",
        "300,0.05",
        "300,0.35",
        "513,0.05"
    })
    void inversesMeetTheirDefinition(int n, double spread) {
        float[] factor = normal(n * n);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                // what lies above the diagonal must not be read
                factor[i * n + j] = j > i ? Float.NaN : (float) (spread * factor[i * n + j]);
            }
            factor[i * n + i] = (i % 3 == 0 ? -1 : 1) * (1 + random.nextFloat() / 2);
        }
        double[] expected = new double[n * BLOCK];
        double[] allowance = new double[n * BLOCK];
        for (int first = 0; first < n; first += BLOCK) {
            double[][] block = diagonalBlock(factor, n, first);
            double[][] inverse = inverse(block);
            double[][] bound = bound(block, inverse);
            for (int i = 0; i < Math.min(BLOCK, n - first); i++) {
                System.arraycopy(inverse[i], 0, expected, (first + i) * BLOCK, BLOCK);
                System.arraycopy(bound[i], 0, allowance, (first + i) * BLOCK, BLOCK);
            }
        }
        float[] once = null;
        for (int order = 0; order < ORDERS; order++) {
            var l = device.array(factor);
            var inverses = device.room(n * BLOCK);
            new TriangularKernels(device).invertDiagonalBlocks(l.address(), inverses.address(), n);
            float[] found = inverses.floats();
            assertWithin(allowance, expected, found, "inverses of " + n);
            assertArrayEquals(factor, l.floats(), "the factor is only read");
            once = once == null ? found : once;
            assertArrayEquals(once, found, "the result depends on the order of threads");
        }
        for (int i = 0; i < n; i++) {
            for (int j = i % BLOCK + 1; j < BLOCK; j++) {
                assertEquals(0, once[i * BLOCK + j], 0f, "beyond the diagonal");
            }
        }
    }

    @Test
    void nothingNeedsNoLaunch() {
        new TriangularKernels((kernel, geometry, arguments) -> {
                    throw new AssertionError("launched " + kernel);
                })
                .invertDiagonalBlocks(0, 0, 0);
    }

    /** The diagonal block from row {@code first} on, rows that it lacks being the identity's. */
    private static double[][] diagonalBlock(float[] factor, int n, int first) {
        double[][] block = new double[BLOCK][BLOCK];
        for (int i = 0; i < BLOCK; i++) {
            block[i][i] = 1;
            for (int j = 0; j <= i && first + i < n; j++) {
                block[i][j] = factor[(first + i) * n + first + j];
            }
        }
        return block;
    }

    /** By substitution. */
    private static double[][] inverse(double[][] l) {
        double[][] x = new double[BLOCK][BLOCK];
        for (int j = 0; j < BLOCK; j++) {
            for (int i = j; i < BLOCK; i++) {
                double sum = i == j ? 1 : 0;
                for (int p = j; p < i; p++) {
                    sum -= l[i][p] * x[p][j];
                }
                x[i][j] = sum / l[i][i];
            }
        }
        return x;
    }

    /** How far from x = l⁻¹ the kernel may be: first-order bounds, with a tenth more for what comes behind. */
    private static double[][] bound(double[][] l, double[][] x) {
        int n = l.length;
        double[][] error = new double[n][n];
        if (n == SQUARE) {
            // substitution solves (l + e) x = 1 exactly for an e within SQUARE + 1 roundings of l
            addProduct(1.1 * (SQUARE + 1) * ROUNDING, x, product(l, x), error, 0);
            return error;
        }
        int half = n / 2;
        double[][] a = part(x, 0, 0);
        double[][] b = part(l, half, 0);
        double[][] c = part(x, half, half);
        double[][] errorOfA = bound(part(l, 0, 0), a);
        double[][] errorOfC = bound(part(l, half, half), c);
        for (int i = 0; i < half; i++) {
            System.arraycopy(errorOfA[i], 0, error[i], 0, half);
            System.arraycopy(errorOfC[i], 0, error[half + i], half, half);
        }
        // −c (b a): what a and c lack, and the roundings of two sums
        double[][] ba = product(b, a);
        addProduct(1.1, errorOfC, ba, error, half);
        addProduct(1.1, c, product(b, errorOfA), error, half);
        addProduct(1.1 * 2 * (half + 1) * ROUNDING, c, ba, error, half);
        return error;
    }

    /** A quarter. */
    private static double[][] part(double[][] from, int row, int column) {
        double[][] part = new double[from.length / 2][];
        for (int i = 0; i < part.length; i++) {
            part[i] = Arrays.copyOfRange(from[row + i], column, column + part.length);
        }
        return part;
    }

    /** {@code |a| |b|}. */
    private static double[][] product(double[][] a, double[][] b) {
        double[][] sums = new double[a.length][a.length];
        addProduct(1, a, b, sums, 0);
        return sums;
    }

    /** {@code to <- to + scale |a| |b|}, from a row of it on. */
    private static void addProduct(double scale, double[][] a, double[][] b, double[][] to, int row) {
        for (int i = 0; i < a.length; i++) {
            for (int l = 0; l < a.length; l++) {
                for (int j = 0; j < a.length; j++) {
                    to[row + i][j] += scale * Math.abs(a[i][l] * b[l][j]);
                }
            }
        }
    }
}
