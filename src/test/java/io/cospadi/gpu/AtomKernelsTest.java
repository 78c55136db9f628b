package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Both steps against their formulas in f64. */
class AtomKernelsTest extends AbstractKernelTest {
    @ParameterizedTest
    @CsvSource({"1,1,256", "3,31,32", "4,33,32", "2,256,256", "3,257,256", "2,1000,64"})
    void atomsGetUnitNorm(int k, int r, int threads) {
        float[] dictionary = normal(k * r);
        float[] previous = normal(k * r);
        if (k > 2) {
            Arrays.fill(dictionary, r, 2 * r, 0);
        }
        double[] norms = new double[k];
        double[] unit = new double[k * r];
        double[] other = new double[k * r];
        for (int i = 0; i < k; i++) {
            for (int j = i * r; j < (i + 1) * r; j++) {
                norms[i] += (double) dictionary[j] * dictionary[j];
            }
            norms[i] = Math.sqrt(norms[i]);
            for (int j = i * r; j < (i + 1) * r; j++) {
                unit[j] = norms[i] > 0 ? dictionary[j] / norms[i] : 0;
                other[j] = norms[i] > 0 ? previous[j] / norms[i] : 0;
            }
        }
        float[] once = null;
        for (int order = 0; order < ORDERS; order++) {
            var d = device.array(dictionary);
            var p = device.array(previous);
            var n = device.room(k);
            new AtomKernels(withThreads(threads)).normalize(d.address(), p.address(), n.address(), k, r);
            assertRounded(norms, n.floats(), 1, "norms");
            assertRounded(unit, d.floats(), 2, "dictionary");
            assertRounded(other, p.floats(), 2, "previous");
            once = once == null ? d.floats() : once;
            assertArrayEquals(once, d.floats(), "the result depends on the order of threads");
        }
    }

    private static void assertRounded(double[] expected, float[] found, int roundings, String what) {
        double[] allowance = Arrays.stream(expected)
                .map(value -> (roundings + 0.01) * ROUNDING * Math.abs(value))
                .toArray();
        assertWithin(allowance, expected, found, what);
    }

    @ParameterizedTest
    @CsvSource({"1,1", "255,1", "257,1", "1000,3", "5000,2"})
    void extrapolationFollowsItsFormula(int count, int blocks) {
        float[] x = normal(count);
        float[] y = normal(count);
        double t = 0.7;
        double[] expected = new double[count];
        double[] allowance = new double[count];
        for (int i = 0; i < count; i++) {
            expected[i] = (1 + t) * x[i] - t * y[i];
            allowance[i] = 3 * ROUNDING * (Math.abs((1 + t) * x[i]) + Math.abs(t * y[i]));
        }
        var from = device.array(x);
        var before = device.array(y);
        var out = device.room(count);
        AtomKernels kernels = new AtomKernels(withBlocks(blocks));
        kernels.extrapolate(t, from.address(), before.address(), out.address(), count);
        assertWithin(allowance, expected, out.floats(), "beside");
        kernels.extrapolate(t, from.address(), before.address(), from.address(), count);
        assertArrayEquals(out.floats(), from.floats(), "in place");
    }

    @Test
    void nothingNeedsNoLaunch() {
        AtomKernels kernels = new AtomKernels((kernel, geometry, arguments) -> {
            throw new AssertionError("launched " + kernel);
        });
        kernels.normalize(0, 0, 0, 0, 5);
        kernels.extrapolate(1, 0, 0, 0, 0);
    }
}
