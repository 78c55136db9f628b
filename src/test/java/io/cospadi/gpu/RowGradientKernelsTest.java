package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The gradients against their formulas in f64; that the formulas are the gradients is shown by the backends' suite. */
class RowGradientKernelsTest extends AbstractKernelTest {
    /** Relative error of an f32 exp, with room for the rounding of its argument. */
    private static final double EXP = 4e-7;

    /** Products of weight and gradient are rounded once, and the result; the rest is f64. */
    @ParameterizedTest
    @CsvSource({"1,1,256", "3,31,256", "3,64,32", "2,255,256", "2,256,256", "2,257,256", "2,1000,64"})
    void normGradientEqualsTheFormula(int groups, int group, int threads) {
        double eps = 1e-5;
        float[] x = normal(groups * group);
        float[] weight = normal(group);
        float[] gradient = normal(groups * group);
        double[] expected = new double[x.length];
        double[] allowance = new double[x.length];
        for (int start = 0; start < x.length; start += group) {
            double squares = 0;
            double along = 0;
            double size = 0;
            for (int j = 0; j < group; j++) {
                double term = (double) x[start + j] * weight[j] * gradient[start + j];
                squares += (double) x[start + j] * x[start + j];
                along += term;
                size += Math.abs(term);
            }
            double r = 1 / Math.sqrt(squares / group + eps);
            for (int j = 0; j < group; j++) {
                double direct = r * weight[j] * gradient[start + j];
                double pull = x[start + j] * r * r * r / group;
                expected[start + j] = direct - pull * along;
                allowance[start + j] = 2.001 * ROUNDING * (Math.abs(direct) + Math.abs(pull) * size);
            }
        }
        for (int order = 0; order < ORDERS; order++) {
            var out = device.array(gradient);
            new RowGradientKernels(withThreads(threads))
                    .rmsNormGradient(
                            device.array(x).address(),
                            device.array(weight).address(),
                            eps,
                            out.address(),
                            groups,
                            group);
            assertWithin(allowance, expected, out.floats(), "order " + order);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1", "255,1", "257,1", "1000,3"})
    void siluGradientEqualsTheFormula(int count, int blocks) {
        float[] gate = normal(count);
        float[] up = normal(count);
        float[] gradient = normal(count);
        double[] ofGate = new double[count];
        double[] ofUp = new double[count];
        double[] gateAllowance = new double[count];
        double[] upAllowance = new double[count];
        for (int i = 0; i < count; i++) {
            gate[i] *= i % 7 == 0 ? 60 : 3;
            double x = gate[i];
            double sigmoid = 1 / (1 + Math.exp(-x));
            double factor = (double) gradient[i] * up[i] * sigmoid;
            ofGate[i] = factor * (1 + x * (1 - sigmoid));
            ofUp[i] = gradient[i] * x * sigmoid;
            // 1 - sigmoid is off by the sigmoid's error, and counts x times
            gateAllowance[i] = Math.abs(factor)
                            * ((EXP + 8 * ROUNDING) * (1 + Math.abs(x) * (1 - sigmoid))
                                    + (EXP + 3 * ROUNDING) * Math.abs(x) * sigmoid)
                    + 1e-35;
            upAllowance[i] = (EXP + 4 * ROUNDING) * Math.abs(ofUp[i]) + 1e-35;
        }
        for (int order = 0; order < ORDERS; order++) {
            var g = device.array(gate);
            var u = device.array(up);
            var above = device.array(gradient);
            new RowGradientKernels(withBlocks(blocks))
                    .siluMultiplyGradient(g.address(), u.address(), above.address(), count);
            assertWithin(gateAllowance, ofGate, g.floats(), "gate");
            assertWithin(upAllowance, ofUp, u.floats(), "up");
            assertArrayEquals(gradient, above.floats(), "the gradient is only read");
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1", "7,5", "31,31", "32,32", "33,33", "3,257", "100,65"})
    void squaresAddUpByColumn(int rows, int cols) {
        float[] x = normal(rows * cols);
        float[] factors = normal(rows);
        double[] before = new double[cols];
        double[] expected = new double[cols];
        for (int j = 0; j < cols; j++) {
            before[j] = j;
            expected[j] = j;
            for (int i = 0; i < rows; i++) {
                double value = (double) factors[i] * x[i * cols + j];
                expected[j] += value * value;
            }
        }
        double[] once = null;
        for (int order = 0; order < ORDERS; order++) {
            var sums = device.array(before);
            new RowGradientKernels(device)
                    .addSquares(device.array(x).address(), device.array(factors).address(), sums.address(), rows, cols);
            double[] found = sums.doubles();
            for (int j = 0; j < cols; j++) {
                assertEquals(expected[j], found[j], (rows + 4) * 0x1p-53 * expected[j], "column " + j);
            }
            once = once == null ? found : once;
            assertArrayEquals(once, found, "the result depends on the order of threads");
        }
    }

    /** Many equal lengths, NaN and 0 among them, on grids smaller than the row. */
    @ParameterizedTest
    @CsvSource({"1,256,1", "2,32,1", "255,256,1", "256,256,1", "257,32,3", "1000,64,5"})
    void clippingFactorsEqualSorting(int count, int threads, int blocks) {
        float[] squares = new float[count];
        for (int i = 0; i < count; i++) {
            squares[i] = random.nextInt(20) == 0 ? Float.NaN : random.nextInt(1 + count / 4);
        }
        float[] sorted = squares.clone();
        Arrays.sort(sorted); // NaN last
        double longest = 0.7 * Math.sqrt(sorted[(count - 1) / 2]);
        float[] expected = new float[count];
        for (int i = 0; i < count; i++) {
            double norm = Math.sqrt(squares[i]);
            expected[i] = norm > longest && longest > 0 ? (float) (longest / norm) : 1;
        }
        RowGradientKernels kernels = new RowGradientKernels((kernel, geometry, arguments) ->
                device.launch(kernel, new LaunchGeometry(blocks, 1, threads, 1, 0), arguments));
        for (int order = 0; order < ORDERS; order++) {
            var median = device.array(-1f);
            var own = device.array(squares);
            kernels.clippingFactors(own.address(), 0.7, median.address(), own.address(), count);
            assertArrayEquals(new float[] {sorted[(count - 1) / 2]}, median.floats());
            assertArrayEquals(expected, own.floats(), "in place");
        }
    }

    @Test
    void medianIsTheLowerOfTwoAndZeroShortensNothing() {
        RowGradientKernels kernels = new RowGradientKernels(device);
        var median = device.array(-1f);
        var factors = device.array(16f, 1, 9, 4);
        kernels.clippingFactors(factors.address(), 1, median.address(), factors.address(), 4);
        assertArrayEquals(new float[] {4}, median.floats());
        assertArrayEquals(new float[] {0.5f, 1, 2 / 3f, 1}, factors.floats());
        var mostlyNothing = device.array(0f, 5, 0);
        kernels.clippingFactors(mostlyNothing.address(), 1, median.address(), mostlyNothing.address(), 3);
        assertArrayEquals(new float[] {1, 1, 1}, mostlyNothing.floats());
    }

    @Test
    void nothingNeedsNoLaunch() {
        RowGradientKernels kernels = new RowGradientKernels((kernel, geometry, arguments) -> {
            throw new AssertionError("launched " + kernel);
        });
        kernels.rmsNormGradient(0, 0, 1, 0, 0, 5);
        kernels.siluMultiplyGradient(0, 0, 0, 0);
        kernels.addSquares(0, 0, 0, 0, 5);
        kernels.addSquares(0, 0, 0, 5, 0);
        kernels.clippingFactors(0, 2, 0, 0, 0);
    }
}
