package io.cospadi.gpu;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Normalisation against the formula in f64. */
class RmsNormKernelsTest extends AbstractKernelTest {
    /** The scale is rounded to f32 once and multiplied twice; the sum's own error in f64 is far below a rounding of f32. */
    @ParameterizedTest
    @CsvSource({
        "1,1,256",
        "3,31,256",
        "3,64,32",
        "2,255,256",
        "2,256,256",
        "2,257,256",
        "2,1000,64",
        // as they are launched: real models' widths take a block of another size
        "3,128,0",
        "2,2047,0",
        "2,2048,0",
        "2,2049,0",
        "1,4096,0"
    })
    void normalisedGroupsEqualTheFormula(int groups, int group, int threads) {
        double eps = 1e-5;
        float[] x = normal(groups * group);
        float[] weight = normal(group);
        double[] expected = new double[x.length];
        double[] allowance = new double[x.length];
        for (int i = 0; i < groups; i++) {
            double squares = 0;
            for (int j = 0; j < group; j++) {
                squares += (double) x[i * group + j] * x[i * group + j];
            }
            for (int j = 0; j < group; j++) {
                expected[i * group + j] = x[i * group + j] / Math.sqrt(squares / group + eps) * weight[j];
                allowance[i * group + j] = 3.001 * ROUNDING * Math.abs(expected[i * group + j]) + SMALLEST_NORMAL;
            }
        }
        for (int order = 0; order < ORDERS; order++) {
            for (boolean inPlace : new boolean[] {false, true}) {
                var from = device.array(x);
                var to = inPlace ? from : device.room(x.length);
                new RmsNormKernels(threads == 0 ? device : withThreads(threads))
                        .rmsNorm(from.address(), device.array(weight).address(), eps, to.address(), groups, group);
                assertWithin(allowance, expected, to.floats(), inPlace ? "in place" : "apart");
            }
        }
    }
}
