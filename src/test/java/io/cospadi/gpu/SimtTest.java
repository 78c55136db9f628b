package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.cospadi.tensor.Bfloat16;
import org.junit.jupiter.api.Test;

/** The emulation shows the mistakes it claims to show. */
class SimtTest extends AbstractKernelTest {
    private static LaunchGeometry block(int threads, int sharedBytes) {
        return new LaunchGeometry(1, 1, threads, 1, sharedBytes);
    }

    private void assertFails(String expected, String kernel, LaunchGeometry geometry, Object... arguments) {
        assertFalse(device.tryLaunch(kernel, geometry, arguments), kernel + " has not failed");
        assertTrue(device.failure().contains(expected), device.failure());
    }

    /** How many of the orders reverse 64 floats. */
    private int rightOrders(String kernel) {
        float[] values = normal(64);
        int right = 0;
        for (int order = 0; order < ORDERS; order++) {
            var out = device.room(64);
            device.launch(kernel, block(64, 0), device.array(values).address(), out.address());
            boolean all = true;
            for (int i = 0; i < 64; i++) {
                all &= out.floats()[i] == values[63 - i];
            }
            right += all ? 1 : 0;
        }
        return right;
    }

    @Test
    void missingBarrierChangesTheResult() {
        assertEquals(ORDERS, rightOrders("reverse"));
        assertEquals(0, rightOrders("reverse_without_barrier"));
    }

    @Test
    void barrierThatSomeThreadsMissIsAnError() {
        assertFails("63 wait at a barrier, 0 in a warp operation, 1 have ended", "barrier_for_some", block(64, 0));
    }

    @Test
    void shuffleThatSomeLanesMissIsAnError() {
        var out = device.room(32);
        assertFails("31 in a warp operation, 1 have ended", "shuffle_for_some", block(32, 0), out.address());
    }

    /** Rows, columns and depth of its own each, so that two fragments exchanged show. */
    @Test
    void tensorCoresMultiplyMatrices() {
        float[] left = rounded(normal(16 * 16));
        float[] right = rounded(normal(8 * 16));
        float[] out = normal(16 * 8);
        double[] expected = new double[out.length];
        double[] allowance = new double[out.length];
        for (int i = 0; i < out.length; i++) {
            expected[i] = out[i];
            for (int d = 0; d < 16; d++) {
                expected[i] += (double) left[i / 8 * 16 + d] * right[i % 8 * 16 + d];
            }
            allowance[i] = ROUNDING * 1.001 * Math.abs(expected[i]);
        }
        for (int order = 0; order < ORDERS; order++) {
            var sums = device.array(out);
            device.launch(
                    "mma_of_matrices",
                    block(32, 0),
                    device.array(patterns(left)).address(),
                    device.array(patterns(right)).address(),
                    sums.address());
            assertWithin(allowance, expected, sums.floats(), "mma");
        }
    }

    private static short[] patterns(float[] values) {
        short[] patterns = new short[values.length];
        for (int i = 0; i < values.length; i++) {
            patterns[i] = Bfloat16.fromFloat(values[i]);
        }
        return patterns;
    }

    private static float[] rounded(float[] values) {
        float[] rounded = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            rounded[i] = Bfloat16.round(values[i]);
        }
        return rounded;
    }

    @Test
    void writeBehindDynamicSharedMemoryIsAnError() {
        device.launch("writes_beyond_shared", block(32, 400), 100);
        assertFails("behind the 400 bytes", "writes_beyond_shared", block(32, 400), 101);
    }

    @Test
    void sharedMemoryStartsAsNaN() {
        var out = device.room(32);
        device.launch("reads_shared_unwritten", block(32, 128), out.address());
        for (float value : out.floats()) {
            assertTrue(Float.isNaN(value), "read " + value);
        }
    }

    @Test
    void writesOutsideAnArrayAreErrors() {
        assumeFalse(Simt.SANITIZED, "the sanitizer would end the program first");
        var out = device.room(40);
        device.launch("writes", block(32, 0), out.address(), 0, 40);
        AssertionError behind =
                assertThrows(AssertionError.class, () -> device.launch("writes", block(32, 0), out.address(), 0, 41));
        assertTrue(behind.getMessage().contains("wrote behind an array of 160 bytes"), behind.getMessage());
        var other = device.room(40);
        AssertionError before =
                assertThrows(AssertionError.class, () -> device.launch("writes", block(32, 0), other.address(), -1, 0));
        assertTrue(before.getMessage().contains("wrote "), before.getMessage());
    }

    @Test
    void lanesExchangeWhatTheyHold() {
        var out = device.room(96);
        for (int order = 0; order < ORDERS; order++) {
            device.launch("lanes", block(32, 0), out.address());
            int[] expected = new int[96];
            int votes = 0;
            for (int lane = 0; lane < 32; lane++) {
                votes |= lane % 3 == 0 ? 1 << lane : 0;
            }
            for (int lane = 0; lane < 32; lane++) {
                expected[lane] = 32 * 33 / 2;
                expected[32 + lane] = lane < 3 ? lane : lane - 3;
                expected[64 + lane] = votes;
            }
            assertArrayEquals(expected, out.ints());
        }
    }

    @Test
    void structsLieAsCompilersLayThemOut() {
        var out = device.wideRoom(8);
        var struct = new LaunchArguments.Struct(2, 3.25, 4.5f, 5, 6L << 40, 7);
        device.launch("members", block(1, 0), 1, struct, 8.5f, out.address());
        assertArrayEquals(new double[] {1, 2, 3.25, 4.5, 5, 6L << 40, 7, 8.5}, out.doubles());
    }

    @Test
    void whatWaitsForTheLaunchBeforeIsRight() {
        for (int order = 0; order < ORDERS; order++) {
            var weights = device.array(1f, 2f, 3f).weights();
            var out = device.array(10f, 20f, 30f);
            device.launch("early_waits", new LaunchGeometry(2, 1, 3, 1, 0), weights.address(), out.address());
            assertArrayEquals(new float[] {12, 24, 36}, out.floats());
        }
    }

    @Test
    void readingBeforeTheLaunchBeforeHasEndedGivesNaN() {
        var out = device.array(10f, 20f);
        device.launch("early_reads", block(2, 0), device.array(1f, 2f).weights().address(), out.address());
        assertArrayEquals(new float[] {Float.NaN, Float.NaN}, out.floats());
    }

    @Test
    void writingBeforeTheLaunchBeforeHasEndedIsAnError() {
        var weights = device.array(1f, 2f).weights().address();
        var out = device.array(10f, 20f).address();
        assertFails("written before the launch before", "early_writes", block(2, 0), weights, out);
        assertFails("was not waited for", "early_never_waits", block(2, 0), weights, out);
        var one = block(1, 0);
        assertFails("was not waited for", "early_waits_in_part", one, weights, out);
        assertFails("1 have ended, 1 wait for the launch before", "early_waits_in_part", block(2, 0), weights, out);
    }
}
