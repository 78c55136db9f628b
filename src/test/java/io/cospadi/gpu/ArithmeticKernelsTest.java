package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.cospadi.tensor.DType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Element by element against the formulas. */
class ArithmeticKernelsTest extends AbstractKernelTest {
    private static final DType[] TYPES = {DType.F32, DType.F64};

    @ParameterizedTest
    @CsvSource({"1,1", "255,1", "256,1", "257,2", "1025,1", "3000,2", "3000,12"})
    void sumsMultiplesAndQuotientsFollowTheirFormulas(int count, int blocks) {
        ArithmeticKernels kernels = new ArithmeticKernels(withBlocks(blocks));
        for (DType type : TYPES) {
            double alpha = 0.7f;
            double[] x = normalDoubles(count);
            double[] y = normalDoubles(count);
            double[] sum = new double[count];
            double[] multiple = new double[count];
            double[] quotient = new double[count];
            double[] allowance = new double[count];
            double[] one = new double[count];
            double[] quotients = new double[count];
            for (int i = 0; i < count; i++) {
                y[i] = i % 5 == 0 ? 0 : y[i];
                sum[i] = alpha * x[i] + y[i];
                multiple[i] = alpha * x[i];
                quotient[i] = y[i] > 0 ? x[i] / y[i] : 0;
                // f64 sums here round as well
                allowance[i] = 3 * rounding(type) * (Math.abs(multiple[i]) + Math.abs(y[i]));
                one[i] = rounding(type) * Math.abs(multiple[i]);
                quotients[i] = rounding(type) * Math.abs(quotient[i]);
            }
            var left = device.array(type, x);
            var right = device.array(type, y);
            var out = device.array(type, new double[count]);
            kernels.ratio(type, left.address(), right.address(), out.address(), count);
            assertWithin(quotients, quotient, out.values(type), "ratio " + type);
            kernels.axpy(type, alpha, left.address(), right.address(), count);
            assertWithin(allowance, sum, right.values(type), "axpy " + type);
            var other = device.array(type, y);
            var factor = device.array(alpha);
            kernels.axpyBy(type, factor.address(), left.address(), other.address(), count);
            assertArrayEquals(right.values(type), other.values(type), "axpyBy " + type);
            var scaled = device.array(type, x);
            kernels.scale(type, alpha, left.address(), count);
            assertWithin(one, multiple, left.values(type), "scale " + type);
            kernels.scaleBy(type, factor.address(), scaled.address(), count);
            assertArrayEquals(left.values(type), scaled.values(type), "scaleBy " + type);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "257,1,2", "3000,2,1", "3000,12,Infinity"})
    void copiesOnlyWhatIsLess(int count, int blocks, double more) {
        ArithmeticKernels kernels = new ArithmeticKernels(withBlocks(blocks));
        for (DType type : TYPES) {
            double[] x = normalDoubles(count);
            double[] y = normalDoubles(count);
            var from = device.array(type, x);
            var to = device.array(type, y);
            for (double[] pair : new double[][] {{more, more}, {more, 0.5}, {Double.NaN, 1}, {1, Double.NaN}}) {
                var a = device.array(pair[0]);
                var b = device.array(pair[1]);
                kernels.copyIfLess(type, a.address(), b.address(), from.address(), to.address(), count);
                assertArrayEquals(y, to.values(type), pair[0] + " < " + pair[1]);
            }
            var less = device.array(0.5);
            var bound = device.array(more);
            kernels.copyIfLess(type, less.address(), bound.address(), from.address(), to.address(), count);
            assertArrayEquals(x, to.values(type), "copied");
            kernels.copyIfLess(DType.F64, less.address(), bound.address(), less.address(), bound.address(), 1);
            assertArrayEquals(new double[] {0.5}, bound.doubles(), "the bound itself");
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1,1,1", "5,31,1,1", "8,127,1,1", "9,128,2,2", "20,129,1,2", "4,300,2,1"})
    void rowsAndColumnsAreScaledByTheirFactors(int rows, int cols, int across, int down) {
        ArithmeticKernels kernels = new ArithmeticKernels(withGrid(across, down));
        for (DType type : TYPES) {
            double[] x = normalDoubles(rows * cols);
            double[] y = normalDoubles(rows * cols);
            double[] byRow = normalDoubles(rows);
            double[] byColumn = normalDoubles(cols);
            double[] sum = new double[x.length];
            double[] ofRows = new double[x.length];
            double[] ofColumns = new double[x.length];
            double[] allowance = new double[x.length];
            double[] rowAllowance = new double[x.length];
            double[] columnAllowance = new double[x.length];
            for (int i = 0; i < x.length; i++) {
                ofRows[i] = byRow[i / cols] * x[i];
                ofColumns[i] = byColumn[i % cols] * x[i];
                sum[i] = ofRows[i] + y[i];
                allowance[i] = 3 * rounding(type) * (Math.abs(ofRows[i]) + Math.abs(y[i]));
                rowAllowance[i] = rounding(type) * Math.abs(ofRows[i]);
                columnAllowance[i] = rounding(type) * Math.abs(ofColumns[i]);
            }
            var factors = device.array(type, byRow);
            var left = device.array(type, x);
            var to = device.array(type, y);
            kernels.axpyRows(type, factors.address(), left.address(), to.address(), rows, cols);
            assertWithin(allowance, sum, to.values(type), "axpyRows " + type);
            var scaled = device.array(type, x);
            kernels.scaleRows(type, factors.address(), scaled.address(), rows, cols);
            assertWithin(rowAllowance, ofRows, scaled.values(type), "scaleRows " + type);
            kernels.scaleColumns(type, device.array(type, byColumn).address(), left.address(), rows, cols);
            assertWithin(columnAllowance, ofColumns, left.values(type), "scaleColumns " + type);
        }
    }

    /** What lies between the rows is left; an element of 2^-30 beside one of 1 shows that sums are f64's. */
    @ParameterizedTest
    @CsvSource({
        "1,1,1,1,1,1",
        "1,1,3,2,1,1",
        "5,31,32,40,1,1",
        "9,128,128,129,2,2",
        "20,129,136,129,1,2",
        "4,300,301,307,2,1"
    })
    void singlesAreAddedToDoublesInF64(int rows, int cols, int pitchX, int pitchY, int across, int down) {
        for (int order = 0; order < ORDERS; order++) {
            float[] x = normal(rows * pitchX);
            double[] y = normalDoubles(rows * pitchY);
            double[] expected = y.clone();
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < cols; j++) {
                    int at = i * pitchY + j;
                    y[at] = Math.scalb(y[at], -30);
                    expected[at] = y[at] + x[i * pitchX + j];
                }
            }
            var from = device.array(x);
            var to = device.array(DType.F64, y);
            new ArithmeticKernels(order == 0 ? device : withGrid(across, down))
                    .addToDoubles(from.address(), pitchX, to.address(), pitchY, rows, cols);
            assertArrayEquals(expected, to.values(DType.F64));
            assertArrayEquals(x, from.floats(), "x is read only");
        }
    }

    /** CUDA states 2 units in the last place for pow, 4 roundings; roots are exact but for their own. */
    @ParameterizedTest
    @CsvSource({"1,1", "257,1", "700,2"})
    void powersAreZeroWhereTheyHaveNoMeaning(int count, int blocks) {
        for (DType type : TYPES) {
            double[] x = normalDoubles(count);
            for (double exponent : new double[] {0.5, -0.5, 1.7}) {
                double[] expected = new double[count];
                double[] allowance = new double[count];
                for (int i = 0; i < count; i++) {
                    expected[i] = x[i] > 0 ? Math.pow(x[i], exponent) : 0;
                    allowance[i] = 6 * 0x1p-53 * expected[i] + rounding(type) * expected[i];
                }
                var matrix = device.array(type, x);
                new ArithmeticKernels(withBlocks(blocks))
                        .power(type, matrix.address(), exponent, matrix.address(), count);
                assertWithin(allowance, expected, matrix.values(type), "power " + exponent + " " + type);
            }
        }
    }

    @Test
    void zerosNegativesAndNaNHaveNeitherPowerNorQuotient() {
        for (DType type : TYPES) {
            var x = device.array(type, 4, 0.25, 0, -0.0, -1, Double.NaN);
            var out = device.array(type, new double[6]);
            ArithmeticKernels kernels = new ArithmeticKernels(device);
            kernels.power(type, x.address(), -0.5, out.address(), 6);
            assertArrayEquals(new double[] {0.5, 2, 0, 0, 0, 0}, out.values(type));
            var numerators = device.array(type, 1, 1, 1, 1, 1, 1);
            kernels.ratio(type, numerators.address(), x.address(), out.address(), 6);
            assertArrayEquals(new double[] {0.25, 4, 0, 0, 0, 0}, out.values(type));
        }
    }
}
