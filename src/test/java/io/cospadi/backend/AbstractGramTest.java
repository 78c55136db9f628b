package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cospadi.tensor.DType;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Gram matrices against their definition, in plain f64 loops, as precise as the backend says. */
abstract class AbstractGramTest extends AbstractBackendTest {
    /** Most tokens that are summed in f32, where that is done. */
    private static final int CHUNK = 512;

    /**
     * Relative to the sum of the products' magnitudes, the rounding of n tokens' sum in the backend's precision. In F32 a product
     * lacks less than 2^-21; the leading terms' products take one addition a token, which tensor cores cut, an error of 2 u; while
     * the smaller ones were added before them, in five additions a token, the sum was no more than 2^-6 of what it became.
     */
    private double allowed(int n) {
        return backend.gramPrecision() == DType.F64
                ? (n + 4) * DOUBLE
                : (8 + 2 * (1 + 5.0 / 64) * Math.min(n, CHUNK)) * SINGLE + (n + 4) * DOUBLE;
    }

    @ParameterizedTest
    @CsvSource({
        "0,3", "3,0", "1,1", "1,9", "7,5", "2500,1", "511,193", "513,64", "1024,16", "1025,8", "1100,20", "2100,13",
        "3,1030"
    })
    void productsOfTokensAreAddedUp(int n, int d) {
        double[] x = normal(n * d);
        double[] before = product(x, true, x, false, d, d, Math.min(n, 3))[0];
        Matrix gram = output(d, d, DType.F64, before);
        backend.addGram(matrix(n, d, DType.F32, x), gram);
        double[][] reference = product(x, true, x, false, d, d, n);
        double[] allowance = new double[d * d];
        for (int i = 0; i < d * d; i++) {
            reference[0][i] += before[i];
            allowance[i] = allowed(n) * reference[1][i] + (n + 4) * DOUBLE * Math.abs(before[i]);
        }
        double[] found = read(gram);
        assertWithin(reference[0], found, allowance, "addGram");
        assertSymmetric(found, d);
    }

    /** Each calibration window is a call of its own. */
    @Test
    void callsAddUpAndRepeatToTheBit() {
        int d = 21;
        int[] counts = {3, 1, 1100, 40, 10};
        double[] sum = new double[d * d];
        double[] allowance = new double[d * d];
        Matrix gram = output(d, d, DType.F64);
        Matrix again = output(d, d, DType.F64);
        backend.fill(gram, 0);
        backend.fill(again, 0);
        for (int n : counts) {
            double[] x = normal(n * d);
            Matrix tokens = matrix(n, d, DType.F32, x);
            backend.addGram(tokens, gram);
            backend.addGram(tokens, again);
            double[][] reference = product(x, true, x, false, d, d, n);
            for (int i = 0; i < d * d; i++) {
                sum[i] += reference[0][i];
                allowance[i] += (allowed(n) + counts.length * DOUBLE) * reference[1][i];
            }
        }
        assertWithin(sum, read(gram), allowance, "five calls");
        assertSame(read(gram), read(again), "repeated");
    }

    /** Whole numbers: f32 holds a chunk's sums, below 2^24, but neither those of 1500 tokens nor the eighth there was before. */
    @ParameterizedTest
    @CsvSource({"5,3", "1500,11", "20,70"})
    void wholeNumbersAddUpExactly(int n, int d) {
        double[] x = new double[n * d];
        Arrays.setAll(x, i -> (150 + random.nextInt(31)) * (random.nextBoolean() ? 1 : -1));
        double[] expected = product(x, true, x, false, d, d, n)[0];
        Arrays.setAll(expected, i -> expected[i] + 0.125);
        Matrix gram = output(d, d, DType.F64);
        backend.fill(gram, 0.125);
        backend.addGram(matrix(n, d, DType.F32, x), gram);
        assertSame(expected, read(gram), "whole numbers");
    }

    /** A feature that is not a number in one token makes its row and column so, where calibration finds it, and no other. */
    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void whatIsNotFiniteShows(float value) {
        int n = 1030;
        int d = 19;
        for (int token : new int[] {0, 1029}) {
            double[] x = normal(n * d);
            x[token * d + 7] = value;
            Matrix gram = output(d, d, DType.F64);
            backend.fill(gram, 0);
            backend.addGram(matrix(n, d, DType.F32, x), gram);
            double[] found = read(gram);
            for (int i = 0; i < d * d; i++) {
                assertEquals(i / d != 7 && i % d != 7, Double.isFinite(found[i]), "(" + i / d + ", " + i % d + ")");
            }
        }
    }
}
