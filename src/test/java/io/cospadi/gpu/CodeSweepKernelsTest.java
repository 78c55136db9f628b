package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The sweep against its formula in f64, at the edges of a block's signals and of the mask's atoms. */
class CodeSweepKernelsTest extends AbstractKernelTest {
    @ParameterizedTest
    @CsvSource({"1,1", "1,63", "2,64", "5,65", "31,127", "32,128", "33,129", "63,10", "64,200"})
    void sweepFollowsItsFormula(int b, int n) {
        float[] gram = new float[b * b];
        float[] support = normal(b * n);
        float[] changes = normal(b * n);
        for (int j = 0; j < b; j++) {
            for (int l = 0; l < b; l++) {
                // what lies above the diagonal must not be read
                gram[j * b + l] = l > j ? Float.NaN : (float) random.nextGaussian() / b;
            }
            gram[j * b + j] = j % 7 == 5 ? j % 2 == 0 ? -1 : 0 : 1 + random.nextFloat();
            for (int i = 0; i < n; i++) {
                if ((i + j) % 3 == 0) {
                    support[j * n + i] = i % 2 == 0 ? 0f : -0f;
                }
            }
        }
        support[0] = Float.MIN_VALUE;
        double[] expected = widened(changes);
        double[] allowance = new double[b * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < b; j++) {
                int at = j * n + i;
                double sizes = Math.abs(expected[at]);
                double inherited = 0;
                for (int l = 0; l < j; l++) {
                    expected[at] -= gram[j * b + l] * expected[l * n + i];
                    sizes += Math.abs(gram[j * b + l] * expected[l * n + i]);
                    inherited += Math.abs(gram[j * b + l]) * allowance[l * n + i];
                }
                float length = gram[j * b + j];
                boolean takes = support[at] != 0 && length > 0;
                expected[at] = takes ? expected[at] / length : 0;
                allowance[at] = takes ? ((j + 3) * ROUNDING * sizes + inherited) / length : 0;
            }
        }
        float[] once = null;
        for (int order = 0; order < ORDERS; order++) {
            var m = device.array(gram);
            var used = device.array(support);
            var x = device.array(changes);
            new CodeSweepKernels(device).sweep(m.address(), used.address(), x.address(), b, n);
            assertWithin(allowance, expected, x.floats(), "changes");
            assertArrayEquals(gram, m.floats(), "the products are only read");
            assertArrayEquals(support, used.floats(), "the support is only read");
            once = once == null ? x.floats() : once;
            assertArrayEquals(once, x.floats(), "the result depends on the order of threads");
        }
    }

    @Test
    void nothingNeedsNoLaunchAndMoreAtomsThanBitsAreRefused() {
        CodeSweepKernels kernels = new CodeSweepKernels((kernel, geometry, arguments) -> {
            throw new AssertionError("launched " + kernel);
        });
        kernels.sweep(0, 0, 0, 0, 5);
        kernels.sweep(0, 0, 0, 5, 0);
        assertThrows(IllegalArgumentException.class, () -> kernels.sweep(0, 0, 0, 65, 1));
    }
}
