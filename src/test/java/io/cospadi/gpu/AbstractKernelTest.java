package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.DType;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A device in emulation and what the kernels' tests have in common. */
abstract class AbstractKernelTest {
    /** Half of the distance from 1 to the next f32: the relative error of one rounding. */
    static final double ROUNDING = 0x1p-24;

    /** Below this, f32 loses relative precision. */
    static final double SMALLEST_NORMAL = 0x1p-126;

    /** Launches of one case, each with another order of threads and blocks. */
    static final int ORDERS = 6;

    final Random random = new Random(42);
    EmulatedDevice device;

    @BeforeEach
    void openDevice() {
        device = new EmulatedDevice();
    }

    @AfterEach
    void closeDevice() {
        if (device != null) {
            device.close();
        }
    }

    float[] normal(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** Normal values that f32 holds exactly. */
    double[] normalDoubles(int count) {
        return widened(normal(count));
    }

    static float[] narrowed(double[] values) {
        float[] narrow = new float[values.length];
        for (int i = 0; i < narrow.length; i++) {
            narrow[i] = (float) values[i];
        }
        return narrow;
    }

    static double[] widened(float[] values) {
        double[] wide = new double[values.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = values[i];
        }
        return wide;
    }

    /** Relative error of one rounding to the type. */
    static double rounding(DType type) {
        return type == DType.F32 ? ROUNDING : 0x1p-53;
    }

    /** Launches with a grid of so many blocks, where the kernel takes any. */
    Launcher withGrid(int across, int down) {
        return (kernel, geometry, arguments) -> device.launch(
                kernel,
                new LaunchGeometry(across, down, geometry.blockX(), geometry.blockY(), geometry.sharedBytes()),
                arguments);
    }

    /** Launches with a grid of so many blocks in x, where the kernel takes any. */
    Launcher withBlocks(int blocks) {
        return (kernel, geometry, arguments) -> device.launch(
                kernel,
                new LaunchGeometry(
                        blocks, geometry.gridY(), geometry.blockX(), geometry.blockY(), geometry.sharedBytes()),
                arguments);
    }

    /** Launches with a block of so many threads in x, where the kernel takes any. */
    Launcher withThreads(int threads) {
        return (kernel, geometry, arguments) -> device.launch(
                kernel,
                new LaunchGeometry(
                        geometry.gridX(), geometry.gridY(), threads, geometry.blockY(), geometry.sharedBytes()),
                arguments);
    }

    /** Every element within its allowance; the message says which is worst. */
    static void assertWithin(double[] allowance, double[] expected, float[] actual, String what) {
        assertWithin(allowance, expected, widened(actual), what);
    }

    static void assertWithin(double[] allowance, double[] expected, double[] actual, String what) {
        int worst = 0;
        double share = 0;
        // a NaN is the worst there is: nothing after it may take its place
        for (int i = 0; i < expected.length && !Double.isNaN(share); i++) {
            double error = Math.abs(expected[i] - actual[i]);
            double of = error == 0 ? 0 : error / allowance[i];
            if (!(of <= share)) {
                share = of;
                worst = i;
            }
        }
        double worstShare = share;
        int at = worst;
        assertTrue(
                share <= 1,
                () -> what + ": element " + at + " is " + actual[at] + ", expected " + expected[at] + ", " + worstShare
                        + " of the allowance " + allowance[at]);
    }
}
