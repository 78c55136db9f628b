package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.CospadiException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A step against its formula in f64. */
class ConjugateGradientKernelsTest extends AbstractKernelTest {
    private static final int STATIC_SHARED_BYTES = 256;

    private record Rows(double[] codes, double[] residual, double[] direction, double[] energy) {}

    private static Rows plain(
            float[] support,
            float[] image,
            float[] codes,
            float[] residual,
            float[] direction,
            float[] energy,
            int rows,
            int k) {
        Rows to = new Rows(widened(codes), widened(residual), widened(direction), new double[rows]);
        for (int row = 0; row < rows; row++) {
            double curvature = 0;
            for (int j = row * k; j < (row + 1) * k; j++) {
                curvature += support[j] != 0 ? (double) direction[j] * image[j] : 0;
            }
            double step = curvature > 0 ? energy[row] / curvature : 0;
            for (int j = row * k; j < (row + 1) * k; j++) {
                to.codes[j] += step * direction[j];
                to.residual[j] -= support[j] != 0 ? step * image[j] : 0;
                to.energy[row] += to.residual[j] * to.residual[j];
            }
            double kept = energy[row] > 0 ? to.energy[row] / energy[row] : 0;
            for (int j = row * k; j < (row + 1) * k; j++) {
                to.direction[j] = to.residual[j] + kept * direction[j];
            }
        }
        return to;
    }

    @ParameterizedTest
    @CsvSource({"1,1,256", "4,3,32", "5,31,32", "3,255,256", "3,256,256", "3,257,256", "4,1000,64"})
    void stepFollowsItsFormula(int rows, int k, int threads) {
        float[] support = normal(rows * k);
        float[] image = normal(rows * k);
        float[] codes = normal(rows * k);
        float[] residual = normal(rows * k);
        float[] direction = normal(rows * k);
        float[] energy = new float[rows];
        for (int i = 0; i < rows * k; i++) {
            support[i] = support[i] > 0 ? i % 5 == 0 ? Float.MIN_VALUE : support[i] : i % 2 == 0 ? 0f : -0f;
            // the first row's curvature is not positive, the second has no energy
            image[i] += i < k ? -9 * direction[i] : 2 * direction[i];
            energy[i / k] += i / k == 1 ? 0 : residual[i] * residual[i];
        }
        Rows expected = plain(support, image, codes, residual, direction, energy, rows, k);
        float[] once = null;
        for (int order = 0; order < ORDERS; order++) {
            // room for two rows, or for one
            int mostShared = STATIC_SHARED_BYTES + (order % 2 == 0 ? 8 : 4) * k;
            var c = device.array(codes);
            var r = device.array(residual);
            var d = device.array(direction);
            var e = device.array(energy);
            var from = device.array(support);
            var q = device.array(image);
            new ConjugateGradientKernels(withThreads(threads), mostShared)
                    .step(from.address(), q.address(), c.address(), r.address(), d.address(), e.address(), rows, k);
            assertNear(expected.codes, c.floats(), "codes");
            assertNear(expected.residual, r.floats(), "residual");
            assertNear(expected.direction, d.floats(), "direction");
            assertNear(expected.energy, e.floats(), "energy");
            assertArrayEquals(support, from.floats(), "the support is only read");
            once = once == null ? d.floats() : once;
            assertArrayEquals(
                    once, d.floats(), "the result depends on the order of threads, or on what a block shares");
        }
    }

    /** Products are f64; the step and each element's few operations are rounded. */
    private static void assertNear(double[] expected, float[] found, String what) {
        double most = 1;
        for (double value : expected) {
            most = Math.max(most, Math.abs(value));
        }
        double[] allowance = new double[expected.length];
        Arrays.fill(allowance, 16 * ROUNDING * most);
        assertWithin(allowance, expected, found, what);
    }

    /** What {@code conjugate_gradient.cu} states of devices with most and with least shared memory. */
    @ParameterizedTest
    @CsvSource({"166912, 20832, 41664", "101376, 12640, 25280"})
    void rowsThatSharedMemoryDoesNotHoldAreRefused(int mostShared, int both, int most) {
        List<String> launched = new ArrayList<>();
        var kernels = new ConjugateGradientKernels((kernel, geometry, arguments) -> launched.add(kernel), mostShared);
        kernels.step(0, 0, 0, 0, 0, 0, 1, both);
        kernels.step(0, 0, 0, 0, 0, 0, 1, both + 1);
        kernels.step(0, 0, 0, 0, 0, 0, 1, most);
        assertEquals(
                List.of("conjugate_gradient_step", "conjugate_gradient_step_short", "conjugate_gradient_step_short"),
                launched);
        assertThrows(CospadiException.class, () -> kernels.step(0, 0, 0, 0, 0, 0, 1, most + 1));
    }

    @ParameterizedTest
    @CsvSource({"166912, 20832", "101376, 12640", "101376, 25280"})
    void mostColumnsFit(int mostShared, int k) {
        device.close();
        device = new EmulatedDevice(mostShared);
        float[] values = normal(k);
        var one = device.array(values);
        var energy = device.array(1f);
        new ConjugateGradientKernels(device, mostShared)
                .step(
                        one.address(),
                        device.array(values).address(),
                        device.room(k).address(),
                        device.array(values).address(),
                        device.array(values).address(),
                        energy.address(),
                        1,
                        k);
    }
}
