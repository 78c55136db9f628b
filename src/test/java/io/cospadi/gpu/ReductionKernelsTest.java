package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cospadi.tensor.DType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Sums against plain f64 loops. */
class ReductionKernelsTest extends AbstractKernelTest {
    private static final DType[] TYPES = {DType.F32, DType.F64};

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 31, 256, 257, 5000, 70001})
    void dotProductsAddUpInDoublePrecision(int count) {
        for (DType type : TYPES) {
            double[] x = normalDoubles(count);
            double[] y = normalDoubles(count);
            double expected = 0;
            double magnitudes = 0;
            for (int i = 0; i < count; i++) {
                expected += x[i] * y[i];
                magnitudes += Math.abs(x[i] * y[i]);
            }
            var left = device.array(type, x);
            var right = device.array(type, y);
            var scratch = device.wideRoom(ReductionKernels.SCRATCH_DOUBLES);
            var out = device.wideRoom(1);
            double first = Double.NaN;
            for (int order = 0; order < ORDERS; order++) {
                new ReductionKernels(device)
                        .dot(type, left.address(), right.address(), count, scratch.address(), out.address());
                double sum = out.doubles()[0];
                assertEquals(expected, sum, (count + 1) * 2 * 0x1p-53 * magnitudes, "dot " + type);
                assertEquals(order == 0 ? sum : first, sum, "the same bits in order " + order);
                first = sum;
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1,0,256", "3,1,256", "5,31,32", "2,256,256", "3,257,64", "2,5000,256"})
    void rowsAreMultipliedWithTheirPartners(int rows, int cols, int threads) {
        for (DType type : TYPES) {
            double[] x = normalDoubles(rows * cols);
            double[] y = normalDoubles(rows * cols);
            double[] expected = new double[rows];
            double[] allowance = new double[rows];
            for (int i = 0; i < x.length; i++) {
                expected[i / cols] += x[i] * y[i];
                allowance[i / cols] += (cols + 1) * 2 * 0x1p-53 * Math.abs(x[i] * y[i]);
            }
            for (int i = 0; i < rows; i++) {
                allowance[i] += rounding(type) * Math.abs(expected[i]);
            }
            var out = device.array(type, new double[rows]);
            new ReductionKernels(withThreads(threads))
                    .rowDots(
                            type,
                            device.array(type, x).address(),
                            device.array(type, y).address(),
                            out.address(),
                            rows,
                            cols);
            assertWithin(allowance, expected, out.values(type), "rowDots " + type);
            if (type == DType.F32) {
                var wide = device.array(new double[rows]);
                new ReductionKernels(withThreads(threads))
                        .rowDotsWide(
                                device.array(type, x).address(),
                                device.array(type, y).address(),
                                wide.address(),
                                rows,
                                cols);
                for (int i = 0; i < rows; i++) {
                    allowance[i] -= rounding(type) * Math.abs(expected[i]);
                }
                assertWithin(allowance, expected, wide.doubles(), "rowDotsWide");
                for (int i = 0; i < rows; i++) {
                    assertEquals((float) wide.doubles()[i], (float) out.values(type)[i], "rounded once");
                }
            }
        }
    }

    /** The second launch sums more partial results than it has threads, and in order. */
    @ParameterizedTest
    @ValueSource(ints = {1, 255, 257, 1000})
    void partialResultsAreAllTaken(int count) {
        double[] partial = new double[count];
        for (int i = 0; i < count; i++) {
            partial[i] = i + 1;
        }
        var out = device.wideRoom(1);
        var from = device.array(partial);
        device.launch("sum_partials", LaunchGeometry.blocks(1, 0), from.address(), out.address(), count);
        assertArrayEquals(new double[] {count * (count + 1) / 2.0}, out.doubles());
    }
}
