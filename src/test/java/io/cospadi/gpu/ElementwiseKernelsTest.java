package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Element by element against the formulas. */
class ElementwiseKernelsTest extends AbstractKernelTest {
    @ParameterizedTest
    @CsvSource({"1,1", "255,1", "256,1", "257,2", "3000,2", "3000,12"})
    void patternRestrictsValues(int count, int blocks) {
        float[] pattern = normal(count);
        float[] values = normal(count);
        float[] expected = new float[count];
        for (int i = 0; i < count; i++) {
            pattern[i] = switch (i % 4) {
                case 0 -> 0f;
                case 1 -> -0f;
                case 2 -> Float.MIN_VALUE;
                default -> pattern[i];
            };
            expected[i] = pattern[i] != 0 ? values[i] : 0f;
        }
        for (boolean inPlace : new boolean[] {false, true}) {
            var from = device.array(values);
            var to = inPlace ? from : device.room(count);
            new ElementwiseKernels(withBlocks(blocks))
                    .restrictTo(device.array(pattern).address(), from.address(), to.address(), count);
            assertArrayEquals(expected, to.floats());
        }
    }

    /**
     * CUDA states 2 units in the last place for expf, 4 roundings; sum, quotient and product add one each. Where exp(-gate)
     * overflows, below gate = -88.7, the result is 0 in place of its 3e-37 up or less.
     */
    @ParameterizedTest
    @CsvSource({"1,1", "255,1", "256,1", "257,2", "3000,2", "3000,12"})
    void gateIsActivatedAndMultiplied(int count, int blocks) {
        float[] gate = normal(count);
        float[] up = normal(count);
        double[] expected = new double[count];
        double[] allowance = new double[count];
        for (int i = 0; i < count; i++) {
            gate[i] = i % 7 == 0 ? 60 * gate[i] : gate[i];
            expected[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
            double lostToOverflow = gate[i] < -88.7 ? Math.abs(expected[i]) : 0;
            allowance[i] = 7.001 * ROUNDING * Math.abs(expected[i]) + SMALLEST_NORMAL + lostToOverflow;
        }
        var matrix = device.array(gate);
        new ElementwiseKernels(withBlocks(blocks))
                .siluMultiply(matrix.address(), device.array(up).address(), count);
        assertWithin(allowance, expected, matrix.floats(), "silu(gate) up");
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "5,51,1", "16,16,1", "3,257,4", "9,100,2"})
    void biasIsAddedToEveryRow(int rows, int cols, int blocks) {
        float[] x = normal(rows * cols);
        float[] bias = normal(cols);
        float[] expected = new float[x.length];
        for (int i = 0; i < x.length; i++) {
            expected[i] = x[i] + bias[i % cols];
        }
        var matrix = device.array(x);
        new ElementwiseKernels(withBlocks(blocks))
                .addBias(matrix.address(), device.array(bias).address(), rows, cols);
        assertArrayEquals(expected, matrix.floats());
    }
}
