package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertTrue;

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
        int worst = 0;
        double share = 0;
        for (int i = 0; i < expected.length; i++) {
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
