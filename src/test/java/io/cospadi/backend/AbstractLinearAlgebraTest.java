package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.DType;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Products, solves and eigenvectors against their definitions, in plain f64 loops. */
abstract class AbstractLinearAlgebraTest extends AbstractBackendTest {
    private static final DType[] TYPES = {DType.F32, DType.F64};

    @ParameterizedTest
    @CsvSource({
        "0,3,4",
        "3,0,4",
        "3,4,0",
        "1,1,1",
        "1,7,5",
        "7,1,5",
        "1,300,333",
        "300,1,333",
        "2,3,300",
        "15,16,17",
        "16,32,48",
        "33,31,65",
        "129,100,64",
        "70,257,3"
    })
    void productMeetsItsDefinition(int m, int n, int inner) {
        for (DType type : TYPES) {
            for (int flags = 0; flags < 4; flags++) {
                boolean transposeA = (flags & 1) != 0;
                boolean transposeB = (flags & 2) != 0;
                double[] a = normal(m * inner);
                double[] b = normal(inner * n);
                double[] c = normal(m * n);
                Matrix left = transposeA ? matrix(inner, m, type, a) : matrix(m, inner, type, a);
                Matrix right = transposeB ? matrix(n, inner, type, b) : matrix(inner, n, type, b);
                Matrix out = output(m, n, type, c);
                backend.gemm(1.5, left, transposeA, right, transposeB, -0.5, out);
                double[][] reference = product(a, transposeA, b, transposeB, m, n, inner);
                double[] allowance = new double[m * n];
                for (int i = 0; i < m * n; i++) {
                    reference[0][i] = 1.5 * reference[0][i] - 0.5 * c[i];
                    allowance[i] = (inner + 4) * roundoff(type) * (1.5 * reference[1][i] + Math.abs(c[i]));
                }
                assertWithin(reference[0], read(out), allowance, "gemm " + type + " flags " + flags);
            }
        }
    }

    /** Inner length 1: one product of vectors added to what is there, for every way of laying them out. */
    @ParameterizedTest
    @CsvSource({"1,1", "1,9", "9,1", "5,7", "400,300"})
    void rankOneUpdateMeetsItsDefinition(int m, int n) {
        for (DType type : TYPES) {
            for (int flags = 0; flags < 4; flags++) {
                boolean transposeA = (flags & 1) != 0;
                boolean transposeB = (flags & 2) != 0;
                double[] a = normal(m);
                double[] b = normal(n);
                double[] c = normal(m * n);
                Matrix left = transposeA ? matrix(1, m, type, a) : matrix(m, 1, type, a);
                Matrix right = transposeB ? matrix(n, 1, type, b) : matrix(1, n, type, b);
                Matrix out = output(m, n, type, c);
                backend.gemm(-2, left, transposeA, right, transposeB, 1, out);
                for (int i = 0; i < m * n; i++) {
                    c[i] -= 2 * a[i / n] * b[i % n];
                }
                // values stay below 64
                assertWithin(c, read(out), 128 * roundoff(type), "rank 1 " + type + " flags " + flags);
            }
        }
    }

    /** beta = 0 overwrites: what was there must not matter, not even NaN. */
    @ParameterizedTest
    @CsvSource({"1,1,3", "1,40,30", "40,1,30", "30,40,20", "5,6,0", "1,6,0"})
    void zeroBetaForgetsWhatWasThere(int m, int n, int inner) {
        for (DType type : TYPES) {
            double[] a = normal(m * inner);
            double[] b = normal(n * inner);
            double[] stale = new double[m * n];
            Arrays.fill(stale, Double.NaN);
            Matrix out = output(m, n, type, stale);
            backend.gemm(1, matrix(m, inner, type, a), false, matrix(n, inner, type, b), true, 0, out);
            double[][] reference = product(a, false, b, true, m, n, inner);
            double[] allowance = Arrays.stream(reference[1])
                    .map(sum -> (inner + 4) * roundoff(type) * sum)
                    .toArray();
            assertWithin(reference[0], read(out), allowance, "gemm over NaN " + type);
        }
    }

    @ParameterizedTest
    @CsvSource({"0,3", "3,0", "1,1", "5,7", "191,20", "192,33", "193,64", "400,10"})
    void symmetricProductIsSymmetricAndRight(int n, int inner) {
        for (DType type : TYPES) {
            for (boolean transposed : new boolean[] {false, true}) {
                double[] a = normal(n * inner);
                Matrix from = transposed ? matrix(inner, n, type, a) : matrix(n, inner, type, a);
                Matrix out = output(n, n, type);
                backend.symmetricProduct(from, transposed, out);
                double[][] reference = product(a, transposed, a, !transposed, n, n, inner);
                double[] allowance = Arrays.stream(reference[1])
                        .map(sum -> (inner + 4) * roundoff(type) * sum)
                        .toArray();
                double[] found = read(out);
                assertWithin(reference[0], found, allowance, "symmetricProduct " + type);
                assertSymmetric(found, n);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 7, 95, 96, 97, 200, 300})
    void choleskyFactorGivesTheMatrixBack(int n) {
        for (DType type : TYPES) {
            double[] a = positiveDefinite(n);
            Matrix factor = output(n, n, type, a);
            // the upper triangle is not read
            for (int i = 0; i < n - 1; i++) {
                backend.scatterColumn(matrix(1, i + 1, type, normal(i + 1)), firstRows(i + 1), factor, i + 1);
            }
            assertTrue(backend.cholesky(factor), "positive definite");
            double[] l = read(factor);
            for (int i = 0; i < n; i++) {
                for (int j = i + 1; j < n; j++) {
                    assertEquals(0, l[i * n + j], "upper triangle");
                }
            }
            // backward error of Cholesky: (n + 1) u |L||Lᵀ|, at most (n + 1) u times the diagonal's largest
            assertWithin(
                    a,
                    product(l, false, l, true, n, n, n)[0],
                    (n + 4) * roundoff(type) * 4 * largest(a),
                    "LLᵀ " + type);
        }
    }

    private static int[] firstRows(int count) {
        int[] rows = new int[count];
        for (int i = 0; i < count; i++) {
            rows[i] = i;
        }
        return rows;
    }

    private static double largest(double[] values) {
        return Arrays.stream(values).map(Math::abs).max().orElse(0);
    }

    @Test
    void indefiniteMatrixIsReported() {
        for (DType type : TYPES) {
            assertTrue(fails(2, type, 1, 2, 2, 1));
            assertTrue(fails(1, type, 0));
            double[] late = positiveDefinite(150);
            late[149 * 150 + 149] = -1;
            assertTrue(fails(150, type, late), "in the second block");
            double[] broken = positiveDefinite(150);
            broken[140 * 150 + 3] = Double.NaN;
            assertTrue(fails(150, type, broken), "NaN");
            assertFalse(fails(0, type));
            assertFalse(fails(150, type, positiveDefinite(150)));
        }
    }

    /** What both verbs say, the outcome that stays on the device and the one that is waited for; equal factors where it's none. */
    private boolean fails(int n, DType type, double... values) {
        Matrix waitedFor = matrix(n, n, type, values);
        boolean failed = !backend.cholesky(waitedFor);
        Matrix factor = output(n, n, type, values);
        Matrix outcome = output(1, 1, DType.F64, 7);
        backend.cholesky(factor, outcome);
        assertSame(new double[] {failed ? 1 : 0}, read(outcome), "the outcome");
        if (!failed) {
            assertSame(read(waitedFor), read(factor), "the factor");
        }
        return failed;
    }

    @ParameterizedTest
    @CsvSource({
        "0,2", "2,0", "1,1", "5,1", "97,17", "130,40", "64,130", "127,2", "128,1", "129,1", "255,3", "256,40", "300,17",
        "513,5"
    })
    void solvesUndoProducts(int n, int m) {
        for (DType type : TYPES) {
            double[] a = positiveDefinite(n);
            Matrix factor = matrix(n, n, type, a);
            assertTrue(backend.cholesky(factor));
            double[] l = read(factor);
            double[] x = normal(n * m);
            // well conditioned: |A|, |A⁻¹| are at most about 6 and 1, so n u 100 covers every solve
            double allowance = 100 * (n + 1) * roundoff(type);
            Matrix both = output(n, m, type, product(a, false, x, false, n, m, n)[0]);
            backend.solveCholesky(factor, both);
            assertWithin(x, read(both), allowance, "solveCholesky " + type);
            for (boolean transposed : new boolean[] {false, true}) {
                Matrix one = output(n, m, type, product(l, transposed, x, false, n, m, n)[0]);
                backend.solveTriangular(factor, transposed, one);
                assertWithin(x, read(one), allowance, "solveTriangular " + transposed + type);
            }
            double[] filled = l.clone();
            for (int i = 0; i < n; i++) {
                Arrays.fill(filled, i * n + i + 1, (i + 1) * n, Double.NaN);
            }
            for (boolean transposed : new boolean[] {false, true}) {
                Matrix one = output(n, m, type, product(l, transposed, x, false, n, m, n)[0]);
                backend.solveTriangular(matrix(n, n, type, filled), transposed, one);
                assertWithin(x, read(one), allowance, "solveTriangular, the upper triangle isn't read");
            }
        }
    }

    /**
     * What substitution is bound to, {@code n u |L| |x|} in norms: the condition number, some 1e6 of the Gram, doesn't enter.
     * Neither for a right-hand side that the inverse magnifies nor for one that it does not.
     */
    @ParameterizedTest
    @CsvSource({"60,3", "129,1", "256,2", "300,2", "513,1"})
    void residualsOfAnIllConditionedFactorAreSmall(int n, int m) {
        Matrix gram = matrix(n, n, DType.F64, illConditioned(n));
        assertTrue(backend.cholesky(gram));
        for (DType type : TYPES) {
            Matrix factor = matrix(n, n, type, read(gram));
            double[] l = read(factor);
            double roundings = (n + 4) * roundoff(type) * norm(l);
            for (boolean transposed : new boolean[] {false, true}) {
                double[] given = normal(n * m);
                for (int power = 0; power < 3; power++) {
                    Matrix one = output(n, m, type, given);
                    double[] b = read(one);
                    backend.solveTriangular(factor, transposed, one);
                    double[] x = read(one);
                    double[] found = product(l, transposed, x, false, n, m, n)[0];
                    assertWithin(b, found, roundings * norm(x), "solveTriangular " + transposed + type + power);

                    write(one, given);
                    backend.solveCholesky(factor, one);
                    x = read(one);
                    found = product(l, false, product(l, true, x, false, n, m, n)[0], false, n, m, n)[0];
                    assertWithin(b, found, 2 * roundings * norm(l) * norm(x), "solveCholesky " + type + power);

                    // each time closer to the directions of the largest singular values, which the inverse makes small
                    double[] image = product(l, !transposed, given, false, n, m, n)[0];
                    given = product(l, transposed, image, false, n, m, n)[0];
                }
            }
        }
    }

    /** Eigenvalues from 1 to 1e-6, evenly by their logarithm, in a basis that reflections have turned. */
    private double[] illConditioned(int n) {
        double[] a = new double[n * n];
        for (int i = 0; i < n; i++) {
            a[i * n + i] = Math.pow(10, -6.0 * ((i * 7) % n) / n);
        }
        for (int reflection = 0; reflection < 3; reflection++) {
            double[] v = normal(n);
            double length = norm(v);
            Arrays.setAll(v, i -> v[i] / length);
            double[] w = product(a, false, v, false, n, 1, n)[0];
            double along = product(v, false, w, false, 1, 1, n)[0][0];
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    a[i * n + j] += 4 * along * v[i] * v[j] - 2 * (v[i] * w[j] + w[i] * v[j]);
                }
            }
        }
        return a;
    }

    private static double norm(double[] values) {
        return Math.sqrt(Arrays.stream(values).map(value -> value * value).sum());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 50, 129})
    void eigenvectorsDiagonaliseTheMatrix(int n) {
        for (DType type : TYPES) {
            double[] a = positiveDefinite(n);
            Matrix vectors = output(n, n, type, a);
            double[] values = backend.eigenSymmetric(vectors);
            double[] v = read(vectors);
            double allowance = 20 * (n + 1) * roundoff(type) * (1 + largest(a));
            double[] scaled = new double[n * n];
            double[] identity = new double[n * n];
            for (int i = 0; i < n; i++) {
                assertTrue(i == 0 || values[i - 1] <= values[i], "ascending");
                identity[i * n + i] = 1;
                int top = 0;
                for (int j = 0; j < n; j++) {
                    scaled[i * n + j] = values[i] * v[i * n + j];
                    top = Math.abs(v[i * n + j]) > Math.abs(v[i * n + top]) ? j : top;
                }
                assertTrue(v[i * n + top] > 0, "the largest entry is positive");
            }
            assertWithin(a, product(v, true, scaled, false, n, n, n)[0], allowance, "Vᵀ diag V " + type);
            assertWithin(identity, product(v, false, v, true, n, n, n)[0], allowance, "V Vᵀ " + type);
            Matrix alone = output(n, n, type, a);
            Matrix failed = output(1, 1, DType.F64, 7);
            backend.eigenvectors(alone, failed);
            assertSame(v, read(alone), "without their values");
            assertSame(new double[] {0}, read(failed), "converged");
        }
    }

    @Test
    void eigenvaluesOfAKnownMatrix() {
        // 2 on the diagonal, -1 beside it: 2 - 2 cos(pi i / (n + 1))
        int n = 40;
        double[] a = new double[n * n];
        double[] expected = new double[n];
        for (int i = 0; i < n; i++) {
            a[i * n + i] = 2;
            if (i > 0) {
                a[i * n + i - 1] = a[(i - 1) * n + i] = -1;
            }
            expected[i] = 2 - 2 * Math.cos(Math.PI * (i + 1) / (n + 1));
        }
        assertWithin(expected, backend.eigenSymmetric(matrix(n, n, DType.F64, a)), 1e-14, "eigenvalues");
    }

    @Test
    void notANumberHasNoEigenvectors() {
        for (DType type : TYPES) {
            Matrix broken = matrix(2, 2, type, 1, Double.NaN, Double.NaN, 1);
            org.junit.jupiter.api.Assertions.assertThrows(
                    ArithmeticException.class, () -> backend.eigenSymmetric(broken));
            Matrix failed = output(1, 1, DType.F64, 7);
            backend.eigenvectors(matrix(2, 2, type, 1, Double.NaN, Double.NaN, 1), failed);
            assertSame(new double[] {1}, read(failed), "failed");
        }
    }
}
