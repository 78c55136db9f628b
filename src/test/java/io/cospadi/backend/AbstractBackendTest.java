package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * What every part of the backend suite stands on: a backend made by {@link #create}, matrices from plain arrays that are
 * closed after each test, outputs with guard rows around them, and comparisons within a derived allowance. After each test
 * the backend must hold no byte.
 *
 * <p>The references are plain loops in f64. Allowances are forward error bounds: a sum of n products in precision u deviates
 * from the exact one by at most about {@code (n + 4) u} times the sum of the products' magnitudes.
 */
abstract class AbstractBackendTest {
    /** Unit roundoff of f32 and f64. */
    static final double SINGLE = 0x1p-24;

    static final double DOUBLE = 0x1p-53;

    private static final double GUARD = 12345.0;

    private final List<AutoCloseable> opened = new ArrayList<>();
    private final List<Guarded> guarded = new ArrayList<>();

    Backend backend;
    Random random;

    abstract Backend create();

    @BeforeEach
    void open() {
        backend = create();
        random = new Random(42);
    }

    @AfterEach
    void closeAndFindNothingLeft() throws Exception {
        if (backend == null) {
            return; // create() skipped the test
        }
        try {
            guarded.forEach(Guarded::check);
            for (AutoCloseable each : opened) {
                each.close();
                each.close();
            }
            assertEquals(0, backend.allocatedBytes(), "bytes left allocated");
        } finally {
            backend.close();
        }
    }

    <T extends AutoCloseable> T closing(T opened) {
        this.opened.add(opened);
        return opened;
    }

    Matrix matrix(int rows, int cols, DType type) {
        return closing(backend.allocate(rows, cols, type));
    }

    /** A matrix holding {@code values}, rounded if it is F32. */
    Matrix matrix(int rows, int cols, DType type, double... values) {
        Matrix matrix = matrix(rows, cols, type);
        write(matrix, values);
        return matrix;
    }

    void write(Matrix matrix, double... values) {
        if (matrix.dtype() == DType.F32) {
            backend.write(matrix, floats(values));
        } else {
            backend.write(matrix, values);
        }
    }

    double[] read(Matrix matrix) {
        return matrix.dtype() == DType.F32 ? doubles(backend.readFloats(matrix)) : backend.readDoubles(matrix);
    }

    /** Standard normal values that f32 holds exactly. */
    double[] normal(int count) {
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** An output whose neighbouring rows in memory are checked when the test ends. */
    Matrix output(int rows, int cols, DType type) {
        Matrix whole = matrix(rows + 2, cols, type);
        backend.fill(whole, GUARD);
        Guarded made = new Guarded(whole);
        guarded.add(made);
        return whole.rows(1, rows);
    }

    Matrix output(int rows, int cols, DType type, double... values) {
        Matrix matrix = output(rows, cols, type);
        write(matrix, values);
        return matrix;
    }

    private final class Guarded {
        private final Matrix whole;

        Guarded(Matrix whole) {
            this.whole = whole;
        }

        void check() {
            for (int row : new int[] {0, whole.rows() - 1}) {
                for (double value : read(whole.rows(row, 1))) {
                    assertEquals(GUARD, value, "a word beside an output " + whole.shape() + " was overwritten");
                }
            }
        }
    }

    static float[] floats(double[] values) {
        float[] narrow = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            narrow[i] = (float) values[i];
        }
        return narrow;
    }

    static double[] doubles(float[] values) {
        double[] wide = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            wide[i] = values[i];
        }
        return wide;
    }

    static double roundoff(DType type) {
        return type == DType.F32 ? SINGLE : DOUBLE;
    }

    /** Fails with the worst index, both values and the share of the allowance. */
    static void assertWithin(double[] expected, double[] actual, double[] allowance, String what) {
        assertEquals(expected.length, actual.length, what + ": length");
        int worst = -1;
        double share = 1;
        for (int i = 0; i < expected.length; i++) {
            double off = Math.abs(expected[i] - actual[i]);
            double part = off == 0 ? 0 : off / allowance[i];
            if (!(part <= share)) {
                worst = i;
                share = Double.isNaN(part) ? Double.POSITIVE_INFINITY : part;
            }
        }
        if (worst >= 0) {
            throw new AssertionError(what + ": index " + worst + " is " + actual[worst] + ", expected "
                    + expected[worst] + ", " + share + " times the allowed " + allowance[worst]);
        }
    }

    static void assertWithin(double[] expected, double[] actual, double allowance, String what) {
        double[] all = new double[expected.length];
        Arrays.fill(all, allowance);
        assertWithin(expected, actual, all, what);
    }

    static void assertSame(double[] expected, double[] actual, String what) {
        assertTrue(Arrays.equals(expected, actual), () -> what + ": " + firstDifference(expected, actual));
    }

    static void assertSymmetric(double[] matrix, int n) {
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < i; j++) {
                assertEquals(matrix[i * n + j], matrix[j * n + i], "(" + i + ", " + j + ")");
            }
        }
    }

    private static String firstDifference(double[] expected, double[] actual) {
        int at = Arrays.mismatch(expected, actual);
        return at >= expected.length || at >= actual.length
                ? "lengths " + expected.length + " and " + actual.length
                : "index " + at + " is " + actual[at] + ", expected " + expected[at];
    }

    /** {@code op(a) op(b)} by plain loops, and beside it the same with magnitudes, for the allowance. */
    static double[][] product(double[] a, boolean transposeA, double[] b, boolean transposeB, int m, int n, int inner) {
        double[] sums = new double[m * n];
        double[] magnitudes = new double[m * n];
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                for (int l = 0; l < inner; l++) {
                    double term = a[transposeA ? l * m + i : i * inner + l] * b[transposeB ? j * inner + l : l * n + j];
                    sums[i * n + j] += term;
                    magnitudes[i * n + j] += Math.abs(term);
                }
            }
        }
        return new double[][] {sums, magnitudes};
    }

    /** A well-conditioned symmetric positive definite matrix {@code XᵀX / n + I}, values that f32 holds. */
    double[] positiveDefinite(int n) {
        double[] x = normal(n * n);
        double[] gram = product(x, true, x, false, n, n, n)[0];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                gram[i * n + j] = (float) (gram[i * n + j] / n) + (i == j ? 1 : 0);
            }
        }
        return gram;
    }
}
