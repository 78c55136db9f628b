package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.CospadiException;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention split over the cache against plain loops in f64, and the cache's growth. */
class AttentionDecodeKernelsTest extends AbstractKernelTest {
    private float[] attend(
            PlainAttention shape, float[] q, float[] k, float[] v, int first, Integer offset, int capacity) {
        var out = device.room(q.length);
        long bytes = AttentionDecodeKernels.scratchBytes(shape.n(), shape.heads(), shape.headDim(), capacity);
        float[] unwritten = new float[(int) (bytes / Float.BYTES)];
        Arrays.fill(unwritten, Float.NaN); // chunks that nobody writes must not be read
        var scratch = device.array(unwritten);
        new AttentionDecodeKernels(device)
                .attention(
                        device.array(q).address(),
                        device.array(k).address(),
                        device.array(v).address(),
                        out.address(),
                        scratch.address(),
                        offset == null ? 0 : device.array((int) offset).address(),
                        shape.n(),
                        shape.heads(),
                        shape.kvHeads(),
                        shape.headDim(),
                        first,
                        shape.window(),
                        capacity);
        return out.floats();
    }

    /** At the edges of chunks, of groups of four heads and of head sizes. */
    @ParameterizedTest
    @CsvSource({
        "1,1,1,1,0,2147483647",
        "1,4,2,8,62,2147483647",
        "1,4,1,8,63,2147483647",
        "1,5,1,8,64,2147483647",
        "3,2,2,5,126,2147483647",
        "2,18,2,6,70,2147483647",
        "1,2,1,7,70,2147483647",
        "2,3,1,8,200,1",
        "2,3,1,8,200,70",
        "1,1,1,4,700,2147483647",
        "1,4,1,64,130,2147483647",
        "1,4,1,68,130,2147483647",
        "1,3,1,128,130,2147483647",
        "1,2,1,129,130,2147483647",
        "1,9,3,256,70,2147483647"
    })
    void outputsEqualPlainLoops(int n, int heads, int kvHeads, int headDim, int first, int window) {
        PlainAttention plain = new PlainAttention(n, heads, kvHeads, headDim, first, window);
        float[] q = normal(n * heads * headDim);
        float[] k = normal((first + n) * kvHeads * headDim);
        float[] v = normal(k.length);
        double[][] expected = plain.forward(q, k, v);
        double[] allowance = Arrays.stream(expected[1])
                .map(sum -> plain.relativeError() * sum + SMALLEST_NORMAL)
                .toArray();
        float[] once = null;
        for (int order = 0; order < ORDERS; order++) {
            int capacity = first + n + (order == 0 ? 0 : 50 * order);
            float[] out = order % 2 == 0
                    ? attend(plain, q, k, v, first, null, capacity)
                    : attend(plain, q, k, v, 0, first, capacity);
            assertWithin(allowance, expected[0], out, "out");
            once = once == null ? out : once;
            assertArrayEquals(once, out, "the result depends on the order of threads, or on the capacity");
        }
    }

    @Test
    void highScoresDoNotOverflow() {
        int positions = 150;
        float[] k = new float[positions];
        for (int j = 0; j < positions; j++) {
            k[j] = 20 + j / 8;
        }
        float[] v = normal(positions);
        PlainAttention plain = new PlainAttention(1, 1, 1, 1, positions - 1, positions);
        double[][] expected = plain.forward(new float[] {10}, k, v);
        double[] allowance = {1e-6 * positions * expected[1][0]};
        float[] out = attend(plain, new float[] {10}, k, v, positions - 1, null, positions);
        assertWithin(allowance, expected[0], out, "out");
    }

    @Test
    void shapesBeyondTheLimitsAreRefused() {
        AttentionDecodeKernels kernels = new AttentionDecodeKernels((kernel, geometry, arguments) -> {
            throw new AssertionError("launched " + kernel);
        });
        assertThrows(IllegalArgumentException.class, () -> kernels.attention(0, 0, 0, 0, 0, 0, 1, 3, 2, 8, 0, 1, 1));
        assertThrows(CospadiException.class, () -> kernels.attention(0, 0, 0, 0, 0, 0, 1, 2, 2, 257, 0, 1, 1));
        assertThrows(
                IllegalArgumentException.class, () -> kernels.attention(0, 0, 0, 0, 0, 0, 70_000, 1, 1, 8, 0, 1, 1));
        kernels.attention(0, 0, 0, 0, 0, 0, 0, 2, 2, 256, 0, 1, 1);
        assertEquals(4 * 6 * 2 * 10, AttentionDecodeKernels.scratchBytes(2, 3, 8, 65));
    }
}
