package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cospadi.tensor.DType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Verbs of linear algebra that touch each element once, and sums along rows. */
abstract class AbstractElementwiseTest extends AbstractBackendTest {
    private static final DType[] TYPES = {DType.F32, DType.F64};

    @ParameterizedTest
    @CsvSource({"0,3", "3,0", "1,1", "3,5", "1,4097", "70,1000", "2,70001"})
    void sumsAndScalesMeetTheirDefinitions(int rows, int cols) {
        for (DType type : TYPES) {
            double u = roundoff(type);
            int size = rows * cols;
            double[] x = normal(size);
            double[] y = normal(size);
            double[] byRow = normal(rows);
            double[] byColumn = normal(cols);
            Matrix from = matrix(rows, cols, type, x);
            double alpha = type == DType.F32 ? 0.7f : 0.7;

            Matrix sum = output(rows, cols, type, y);
            backend.axpy(alpha, from, sum);
            Matrix rowSum = output(rows, cols, type, y);
            backend.axpyRows(matrix(1, rows, type, byRow), from, rowSum);
            Matrix scaled = output(rows, cols, type, x);
            backend.scale(alpha, scaled);
            Matrix scaledRows = output(rows, cols, type, x);
            backend.scaleRows(scaledRows, matrix(1, rows, type, byRow));
            Matrix scaledColumns = output(rows, cols, type, x);
            backend.scaleColumns(scaledColumns, matrix(1, cols, type, byColumn));

            double[] expectedSum = new double[size];
            double[] expectedRowSum = new double[size];
            double[] expectedScaled = new double[size];
            double[] expectedRows = new double[size];
            double[] expectedColumns = new double[size];
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < cols; j++) {
                    int at = i * cols + j;
                    expectedSum[at] = alpha * x[at] + y[at];
                    expectedRowSum[at] = byRow[i] * x[at] + y[at];
                    expectedScaled[at] = alpha * x[at];
                    expectedRows[at] = byRow[i] * x[at];
                    expectedColumns[at] = byColumn[j] * x[at];
                }
            }
            // two roundings of numbers below 32
            assertWithin(expectedSum, read(sum), 64 * u, "axpy " + type);
            assertWithin(expectedRowSum, read(rowSum), 64 * u, "axpyRows " + type);
            assertWithin(expectedScaled, read(scaled), 32 * u, "scale " + type);
            assertWithin(expectedRows, read(scaledRows), 32 * u, "scaleRows " + type);
            assertWithin(expectedColumns, read(scaledColumns), 32 * u, "scaleColumns " + type);
        }
    }

    @ParameterizedTest
    @CsvSource({"0,3", "3,0", "1,1", "3,5", "1,4097", "70,1000", "3,65537"})
    void dotProductsAddUpInDoublePrecision(int rows, int cols) {
        for (DType type : TYPES) {
            double[] a = normal(rows * cols);
            double[] b = normal(rows * cols);
            Matrix out = output(1, rows, type);
            Matrix left = matrix(rows, cols, type, a);
            Matrix right = matrix(rows, cols, type, b);
            backend.rowDots(left, right, out);
            double[] expected = new double[rows];
            double[] allowance = new double[rows];
            double all = 0;
            double allMagnitudes = 0;
            for (int i = 0; i < rows; i++) {
                double magnitudes = 0;
                for (int j = 0; j < cols; j++) {
                    expected[i] += a[i * cols + j] * b[i * cols + j];
                    magnitudes += Math.abs(a[i * cols + j] * b[i * cols + j]);
                }
                all += expected[i];
                allMagnitudes += magnitudes;
                // f64 sums, one rounding of the result
                allowance[i] = (cols + 4) * DOUBLE * magnitudes + roundoff(type) * Math.abs(expected[i]);
            }
            assertWithin(expected, read(out), allowance, "rowDots " + type);
            assertEquals(all, backend.dot(left, right), (rows * cols + 4) * DOUBLE * allMagnitudes, "dot " + type);
        }
    }

    /** The same bits as with the number given from the host, in the matrix and with neighbours untouched. */
    @ParameterizedTest
    @CsvSource({"0,3", "3,0", "1,1", "3,5", "1,4097", "70,1000"})
    void scalarsOnTheDeviceDoWhatNumbersDo(int rows, int cols) {
        for (DType type : TYPES) {
            double[] x = normal(rows * cols);
            double[] y = normal(rows * cols);
            double alpha = 0.1;
            Matrix scalar = matrix(1, 1, DType.F64, alpha);
            Matrix from = matrix(rows, cols, type, x);
            Matrix sum = output(rows, cols, type, y);
            Matrix expectedSum = matrix(rows, cols, type, y);
            backend.axpy(scalar, from, sum);
            backend.axpy(alpha, from, expectedSum);
            assertSame(read(expectedSum), read(sum), "axpy " + type);
            Matrix scaled = output(rows, cols, type, x);
            Matrix expectedScaled = matrix(rows, cols, type, x);
            backend.scale(scalar, scaled);
            backend.scale(alpha, expectedScaled);
            assertSame(read(expectedScaled), read(scaled), "scale " + type);
            Matrix dot = output(1, 1, DType.F64);
            backend.dot(from, sum, dot);
            assertSame(new double[] {backend.dot(from, sum)}, read(dot), "dot " + type);
            int n = Math.min(rows, cols);
            Matrix square = output(n, n, type, normal(n * n));
            Matrix expectedSquare = matrix(n, n, type, read(square));
            backend.addToDiagonal(square, scalar);
            backend.addToDiagonal(expectedSquare, alpha);
            assertSame(read(expectedSquare), read(square), "addToDiagonal " + type);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,2,true", "2,1,false", "1,1,false", "-0.0,0.0,false", "NaN,1,false", "1,NaN,false", "5,Infinity,true"
    })
    void copiesWhereTheFirstIsLess(double a, double b, boolean copied) {
        for (DType type : TYPES) {
            for (int size : new int[] {0, 1, 5000}) {
                double[] x = normal(size);
                double[] y = normal(size);
                Matrix to = output(1, size, type, y);
                backend.copyIfLess(
                        matrix(1, 1, DType.F64, a), matrix(1, 1, DType.F64, b), matrix(1, size, type, x), to);
                assertSame(copied ? x : y, read(to), a + " < " + b);
            }
        }
        Matrix bound = output(1, 1, DType.F64, b);
        backend.copyIfLess(matrix(1, 1, DType.F64, a), bound, matrix(1, 1, DType.F64, a), bound);
        assertSame(new double[] {copied ? a : b}, read(bound), "the bound itself");
    }

    @Test
    void rowSumsOfSinglesCanStayInDoublePrecision() {
        int rows = 3;
        int cols = 1000;
        double[] a = normal(rows * cols);
        double[] b = normal(rows * cols);
        double[] expected = new double[rows];
        double[] allowance = new double[rows];
        for (int i = 0; i < rows * cols; i++) {
            expected[i / cols] += a[i] * b[i];
            allowance[i / cols] += (cols + 4) * DOUBLE * Math.abs(a[i] * b[i]);
        }
        Matrix out = output(1, rows, DType.F64);
        backend.rowDots(matrix(rows, cols, DType.F32, a), matrix(rows, cols, DType.F32, b), out);
        assertWithin(expected, read(out), allowance, "rowDots");
    }

    @Test
    void diagonalsAreReadAndRaised() {
        for (DType type : TYPES) {
            for (int n : new int[] {0, 1, 2, 65}) {
                double[] a = normal(n * n);
                Matrix square = output(n, n, type, a);
                backend.addToDiagonal(square, 0.5);
                Matrix diagonal = output(1, n, type);
                backend.diagonal(square, diagonal);
                double[] expected = new double[n];
                for (int i = 0; i < n; i++) {
                    a[i * n + i] += 0.5;
                    a[i * n + i] = type == DType.F32 ? (float) a[i * n + i] : a[i * n + i];
                    expected[i] = a[i * n + i];
                }
                assertSame(a, read(square), "addToDiagonal");
                assertSame(expected, read(diagonal), "diagonal");
            }
        }
    }

    @Test
    void powersAndRatiosAreZeroWhereTheyHaveNoMeaning() {
        for (DType type : TYPES) {
            double[] x = {4, 0.25, 0, -0.0, -1, 1e-30};
            double[] y = {2, 0, -1, 3, 4, 1e-30};
            Matrix powers = output(1, 6, type);
            backend.power(matrix(1, 6, type, x), -0.5, powers);
            double stored = type == DType.F32 ? 1e-30f : 1e-30;
            double[] expected = {0.5, 2, 0, 0, 0, 1 / Math.sqrt(stored)};
            assertWithin(expected, read(powers), new double[] {0, 0, 0, 0, 0, 1e15 * 2 * roundoff(type)}, "power");
            Matrix ratios = output(1, 6, type);
            backend.ratio(matrix(1, 6, type, x), matrix(1, 6, type, y), ratios);
            assertSame(new double[] {2, 0, 0, 0, -0.25, 1}, noNegativeZeros(read(ratios)), "ratio");
        }
    }

    private static double[] noNegativeZeros(double[] values) {
        for (int i = 0; i < values.length; i++) {
            values[i] += 0.0;
        }
        return values;
    }
}
