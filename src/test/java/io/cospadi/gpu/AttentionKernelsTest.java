package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.CospadiException;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tiled attention against plain loops in f64. */
class AttentionKernelsTest extends AbstractKernelTest {
    /** At the edges of tiles and of head sizes; windows that begin within a tile, and that leave whole tiles out. */
    @ParameterizedTest
    @CsvSource({
        "1,1,1,1,0,2147483647",
        "3,2,2,5,4,2147483647",
        "63,2,1,16,0,2147483647",
        "64,2,2,12,0,2147483647",
        "5,2,1,7,3,2147483647",
        "65,3,1,16,3,2147483647",
        "130,4,2,8,20,2147483647",
        "130,2,1,6,20,1",
        "130,2,1,8,20,17",
        "130,1,1,8,0,64",
        "70,1,1,8,100,70",
        "5,2,1,64,70,2147483647",
        "5,2,1,65,70,2147483647",
        "66,1,1,128,2,100",
        "5,1,1,132,70,2147483647",
        "66,2,1,256,1,2147483647"
    })
    void outputsEqualPlainLoops(int n, int heads, int kvHeads, int headDim, int first, int window) {
        assertOutputsEqualPlainLoops(LaunchGeometry.MOST_SHARED_BYTES, n, heads, kvHeads, headDim, first, window);
    }

    /** The last heads that have tiles of 64 rows there, then at the edges of those of 32. */
    @ParameterizedTest
    @CsvSource({
        "66,1,1,128,2,100",
        "66,2,1,164,1,2147483647",
        "1,1,1,165,0,2147483647",
        "32,2,1,168,0,2147483647",
        "33,2,2,256,3,2147483647",
        "70,4,2,200,20,2147483647",
        "70,2,1,256,20,17",
        "66,1,1,254,0,32"
    })
    void outputsEqualPlainLoopsWithLeastShared(int n, int heads, int kvHeads, int headDim, int first, int window) {
        int least = LaunchGeometry.LEAST_SHARED_BYTES;
        device.close();
        device = new EmulatedDevice(least);
        assertOutputsEqualPlainLoops(least, n, heads, kvHeads, headDim, first, window);
    }

    private void assertOutputsEqualPlainLoops(
            int mostShared, int n, int heads, int kvHeads, int headDim, int first, int window) {
        PlainAttention plain = new PlainAttention(n, heads, kvHeads, headDim, first, window);
        float[] q = normal(n * heads * headDim);
        float[] k = normal((first + n) * kvHeads * headDim);
        float[] v = normal(k.length);
        double[][] expected = plain.forward(q, k, v);
        double[] allowance = Arrays.stream(expected[1])
                .map(sum -> plain.relativeError() * sum + SMALLEST_NORMAL)
                .toArray();
        double[] logAllowance = new double[n * heads];
        Arrays.fill(logAllowance, plain.relativeError());
        float[] once = null;
        for (int order = 0; order < ORDERS; order++) {
            var out = device.room(q.length);
            var logSums = device.room(n * heads);
            new AttentionKernels(device, mostShared)
                    .attention(
                            device.array(q).address(),
                            device.array(k).address(),
                            device.array(v).address(),
                            out.address(),
                            order % 2 == 0 ? logSums.address() : 0,
                            n,
                            heads,
                            kvHeads,
                            headDim,
                            first,
                            window);
            assertWithin(allowance, expected[0], out.floats(), "out");
            if (order % 2 == 0) {
                assertWithin(logAllowance, expected[2], logSums.floats(), "log of the sums");
            }
            once = once == null ? out.floats() : once;
            assertArrayEquals(once, out.floats(), "the result depends on the order of threads");
        }
    }

    /** Scores that overflow exp unless the row's highest is taken off first, and that rise from tile to tile. */
    @Test
    void highScoresDoNotOverflow() {
        int n = 150;
        float[] q = new float[n];
        float[] k = new float[n];
        Arrays.fill(q, 10);
        for (int j = 0; j < n; j++) {
            k[j] = 20 + j / 8;
        }
        float[] v = normal(n);
        double[][] expected = new PlainAttention(n, 1, 1, 1, 0, n).forward(q, k, v);
        double[] allowance =
                Arrays.stream(expected[1]).map(sum -> 1e-6 * n * sum).toArray();
        var out = device.room(n);
        new AttentionKernels(device, LaunchGeometry.MOST_SHARED_BYTES)
                .attention(
                        device.array(q).address(),
                        device.array(k).address(),
                        device.array(v).address(),
                        out.address(),
                        0,
                        n,
                        1,
                        1,
                        1,
                        0,
                        n);
        assertWithin(allowance, expected[0], out.floats(), "out");
    }

    @Test
    void shapesBeyondTheLimitsAreRefused() {
        AttentionKernels kernels = new AttentionKernels(
                (kernel, geometry, arguments) -> {
                    throw new AssertionError("launched " + kernel);
                },
                LaunchGeometry.MOST_SHARED_BYTES);
        assertThrows(IllegalArgumentException.class, () -> kernels.attention(0, 0, 0, 0, 0, 1, 3, 2, 8, 0, 1));
        assertThrows(IllegalArgumentException.class, () -> kernels.attention(0, 0, 0, 0, 0, 1, 2, 2, 0, 0, 1));
        CospadiException wide =
                assertThrows(CospadiException.class, () -> kernels.attention(0, 0, 0, 0, 0, 1, 2, 2, 257, 0, 1));
        assertEquals(
                "attention on a GPU takes heads of at most 256 columns, and these have 257; use --backend cpu",
                wide.getMessage());
        kernels.attention(0, 0, 0, 0, 0, 0, 2, 2, 256, 0, 1);
    }
}
