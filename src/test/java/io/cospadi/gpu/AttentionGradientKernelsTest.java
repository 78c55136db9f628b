package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.CospadiException;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention's gradients against plain loops in f64; that those are the gradients is shown by the backends' suite. */
class AttentionGradientKernelsTest extends AbstractKernelTest {
    /** At the edges of tiles and of head sizes; windows that begin within a tile, and that leave whole tiles out. */
    @ParameterizedTest
    @CsvSource({
        "1,1,1,1,2147483647",
        "3,2,2,5,2147483647",
        "63,2,1,16,2147483647",
        "64,2,2,12,2147483647",
        "65,3,1,16,2147483647",
        "150,4,2,8,2147483647",
        "150,2,1,6,1",
        "150,2,1,8,17",
        "130,1,1,8,64",
        "200,3,1,8,100",
        "5,2,1,64,2147483647",
        "66,2,1,68,2147483647",
        "66,1,1,128,2147483647",
        "34,2,1,132,20",
        "66,2,1,256,2147483647"
    })
    void gradientsEqualPlainLoops(int n, int heads, int kvHeads, int headDim, int window) {
        assertGradientsEqualPlainLoops(LaunchGeometry.MOST_SHARED_BYTES, n, heads, kvHeads, headDim, window);
    }

    /** Both kernels on tiles as elsewhere; tiles of half the rows for keys and values; for all; likewise above 128 columns. */
    @ParameterizedTest
    @CsvSource({
        "66,2,1,64,2147483647",
        "66,2,1,76,2147483647",
        "33,2,1,80,2147483647",
        "70,2,2,96,20",
        "1,1,1,128,2147483647",
        "31,3,1,128,2147483647",
        "32,2,2,128,2147483647",
        "65,2,1,126,17",
        "34,2,1,188,2147483647",
        "34,1,1,192,20",
        "1,1,1,253,2147483647",
        "16,2,2,256,2147483647",
        "17,3,1,256,2147483647",
        "50,2,1,256,17"
    })
    void gradientsEqualPlainLoopsWithLeastShared(int n, int heads, int kvHeads, int headDim, int window) {
        int least = LaunchGeometry.LEAST_SHARED_BYTES;
        device.close();
        device = new EmulatedDevice(least);
        assertGradientsEqualPlainLoops(least, n, heads, kvHeads, headDim, window);
    }

    private void assertGradientsEqualPlainLoops(
            int mostShared, int n, int heads, int kvHeads, int headDim, int window) {
        PlainAttention plain = new PlainAttention(n, heads, kvHeads, headDim, 0, window);
        float[] q = normal(n * heads * headDim);
        float[] k = normal(n * kvHeads * headDim);
        float[] v = normal(k.length);
        float[] gradient = normal(q.length);
        double[][] expected = plain.gradients(q, k, v, gradient);
        // the weights' error; then sums over the head's columns and over the queries of all heads that share a key
        double relative = 2 * plain.relativeError() + 4 * (n * (heads / kvHeads) + headDim + 8) * ROUNDING;
        double[][] allowance = new double[3][];
        for (int i = 0; i < 3; i++) {
            allowance[i] = Arrays.stream(expected[i + 3])
                    .map(sum -> relative * sum + SMALLEST_NORMAL)
                    .toArray();
        }
        float[][] once = null;
        for (int order = 0; order < ORDERS; order++) {
            var scratch = device.room((int) (AttentionGradientKernels.scratchBytes(n, heads, headDim) / Float.BYTES));
            var ofQueries = device.room(q.length);
            var ofKeys = device.room(k.length);
            var ofValues = device.room(k.length);
            new AttentionGradientKernels(device, mostShared)
                    .attentionGradient(
                            device.array(q).address(),
                            device.array(k).address(),
                            device.array(v).address(),
                            device.array(gradient).address(),
                            ofQueries.address(),
                            ofKeys.address(),
                            ofValues.address(),
                            scratch.address(),
                            n,
                            heads,
                            kvHeads,
                            headDim,
                            window);
            float[][] found = {ofQueries.floats(), ofKeys.floats(), ofValues.floats()};
            once = once == null ? found : once;
            for (int i = 0; i < 3; i++) {
                assertWithin(allowance[i], expected[i], found[i], "gradient of " + "QKV".charAt(i));
                assertArrayEquals(once[i], found[i], "the result depends on the order of threads");
            }
        }
    }

    @Test
    void shapesBeyondTheLimitsAreRefused() {
        AttentionGradientKernels kernels = new AttentionGradientKernels(
                (kernel, geometry, arguments) -> {
                    throw new AssertionError("launched " + kernel);
                },
                LaunchGeometry.MOST_SHARED_BYTES);
        assertThrows(
                IllegalArgumentException.class, () -> kernels.attentionGradient(0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 2, 8, 1));
        assertThrows(CospadiException.class, () -> kernels.attentionGradient(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 257, 1));
        kernels.attentionGradient(0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 256, 1);
        assertEquals(4 * 5 * 3 * 10, AttentionGradientKernels.scratchBytes(5, 3, 8));
    }
}
