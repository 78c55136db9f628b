package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rotation against the formula in f64. */
class RotaryKernelsTest extends AbstractKernelTest {
    /** Two products and their sum: two roundings on each term. */
    @ParameterizedTest
    @CsvSource({"1,1,1,0,1", "2,3,4,5,1", "5,3,32,2,1", "5,3,32,2,2", "3,4,64,0,7"})
    void turnedPairsEqualTheFormula(int tokens, int heads, int half, int first, int blocks) {
        float[] x = normal(tokens * heads * 2 * half);
        float[] cos = normal((first + tokens) * half);
        float[] sin = normal((first + tokens) * half);
        double[] expected = new double[x.length];
        double[] allowance = new double[x.length];
        for (int i = 0; i < tokens; i++) {
            for (int h = 0; h < heads; h++) {
                for (int j = 0; j < half; j++) {
                    int left = (i * heads + h) * 2 * half + j;
                    int right = left + half;
                    double c = cos[(first + i) * half + j];
                    double s = sin[(first + i) * half + j];
                    expected[left] = x[left] * c - x[right] * s;
                    expected[right] = x[right] * c + x[left] * s;
                    allowance[left] = 2.001 * ROUNDING * (Math.abs(x[left] * c) + Math.abs(x[right] * s));
                    allowance[right] = 2.001 * ROUNDING * (Math.abs(x[right] * c) + Math.abs(x[left] * s));
                }
            }
        }
        for (int order = 0; order < ORDERS; order++) {
            var matrix = device.array(x);
            new RotaryKernels(withBlocks(blocks))
                    .rotate(
                            matrix.address(),
                            device.array(cos).address(),
                            device.array(sin).address(),
                            0,
                            tokens,
                            heads,
                            half,
                            first);
            assertWithin(allowance, expected, matrix.floats(), "order " + order);
        }
    }

    @Test
    void anOffsetOnTheDeviceMovesThePositions() {
        int half = 4;
        float[] x = normal(3 * 2 * 2 * half);
        var cos = device.array(normal(9 * half)).address();
        var sin = device.array(normal(9 * half)).address();
        var offset = device.array(4).address();
        RotaryKernels kernels = new RotaryKernels(device);
        var expected = device.array(x);
        var moved = device.array(x);
        kernels.rotate(expected.address(), cos, sin, 0, 3, 2, half, 6);
        kernels.rotate(moved.address(), cos, sin, offset, 3, 2, half, 2);
        assertArrayEquals(expected.floats(), moved.floats());
    }

    /** With the sine negated, turning is turning back, bit for bit. */
    @Test
    void turningBackIsTurningByTheOppositeAngles() {
        int half = 4;
        float[] x = normal(3 * 2 * 2 * half);
        float[] sines = normal(5 * half);
        float[] opposite = new float[sines.length];
        for (int i = 0; i < sines.length; i++) {
            opposite[i] = -sines[i];
        }
        var cos = device.array(normal(5 * half)).address();
        RotaryKernels kernels = new RotaryKernels(device);
        var expected = device.array(x);
        var back = device.array(x);
        kernels.rotate(expected.address(), cos, device.array(opposite).address(), 0, 3, 2, half, 2);
        kernels.rotateBack(back.address(), cos, device.array(sines).address(), 0, 3, 2, half, 2);
        assertArrayEquals(expected.floats(), back.floats());
    }

    /** Bit for bit what turning and copying give, at the place that first position and offset make, in any grid. */
    @ParameterizedTest
    @CsvSource({"1,1,1,1,1", "2,3,1,4,1", "3,6,2,32,2", "1,8,2,64,3"})
    void keysAndValuesGoToTheirCaches(int tokens, int heads, int kvHeads, int half, int blocks) {
        int first = 2;
        int offset = 3;
        int positions = first + offset + tokens + 1;
        int width = kvHeads * 2 * half;
        float[] q = normal(tokens * heads * 2 * half);
        float[] k = normal(tokens * width);
        float[] v = normal(tokens * width);
        float[] past = normal(positions * width);
        var cos = device.array(normal(positions * half)).address();
        var sin = device.array(normal(positions * half)).address();
        RotaryKernels plain = new RotaryKernels(device);
        var turnedQueries = device.array(q);
        var turnedKeys = device.array(k);
        plain.rotate(turnedQueries.address(), cos, sin, 0, tokens, heads, half, first + offset);
        plain.rotate(turnedKeys.address(), cos, sin, 0, tokens, kvHeads, half, first + offset);
        float[] keyCache = past.clone();
        float[] valueCache = past.clone();
        System.arraycopy(turnedKeys.floats(), 0, keyCache, (first + offset) * width, k.length);
        System.arraycopy(v, 0, valueCache, (first + offset) * width, v.length);
        for (int order = 0; order < ORDERS; order++) {
            var queries = device.array(q);
            var keys = device.array(k);
            var values = device.array(v);
            var cachedKeys = device.array(past);
            var cachedValues = device.array(past);
            boolean onDevice = order % 2 == 0;
            new RotaryKernels(withBlocks(blocks))
                    .rotateAndAppend(
                            queries.address(),
                            keys.address(),
                            values.address(),
                            cachedKeys.address(),
                            cachedValues.address(),
                            cos,
                            sin,
                            onDevice ? device.array(offset).address() : 0,
                            tokens,
                            heads,
                            kvHeads,
                            half,
                            onDevice ? first : first + offset);
            assertArrayEquals(turnedQueries.floats(), queries.floats(), "queries");
            assertArrayEquals(keyCache, cachedKeys.floats(), "keys");
            assertArrayEquals(valueCache, cachedValues.floats(), "values");
            assertArrayEquals(k, keys.floats(), "keys are read only");
        }
    }
}
