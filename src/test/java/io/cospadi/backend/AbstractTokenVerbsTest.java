package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Comparator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** From logits to losses and tokens, and from tokens to embeddings, against their definitions in plain f64 loops. */
abstract class AbstractTokenVerbsTest extends AbstractBackendTest {
    /** Relative error of the backend's exp, with room for the rounding of its argument. */
    private static final double EXP = 4e-7;

    @ParameterizedTest
    @CsvSource({"0,3", "1,1", "3,5", "4,4097", "2,49152"})
    void logProbabilitiesMeetTheirDefinitions(int rows, int cols) {
        double[] p = normal(rows * cols);
        double[] q = normal(rows * cols);
        for (int i = 0; i < p.length; i++) {
            p[i] = (float) (5 * p[i] + 300);
            q[i] = (float) (5 * q[i] - 200);
        }
        double[] logP = logSoftmax(p, cols);
        double[] logQ = logSoftmax(q, cols);
        Matrix first = output(rows, cols, DType.F32, p);
        Matrix second = output(rows, cols, DType.F32, q);
        int[] targets = random.ints(rows, 0, cols).toArray();
        Matrix perRow = output(rows, 1, DType.F64, new double[rows]);
        backend.negativeLogLikelihood(first, targets, perRow);
        double[] losses = read(perRow);
        assertSame(p, read(first), "logits are only read");
        backend.logSoftmax(first);
        backend.logSoftmax(second);
        // values up to about 40 are rounded once
        assertWithin(logP, read(first), 40 * SINGLE + EXP, "logSoftmax");
        backend.klDivergence(first, second, perRow);
        double[] divergences = read(perRow);
        for (int i = 0; i < rows; i++) {
            assertEquals(-logP[i * cols + targets[i]], losses[i], EXP, "negativeLogLikelihood");
            double divergence = 0;
            for (int j = i * cols; j < (i + 1) * cols; j++) {
                divergence += Math.exp(logP[j]) * (logP[j] - logQ[j]);
            }
            // each log-probability is off by at most 40 u, and the probabilities add up to 1
            assertEquals(divergence, divergences[i], 200 * (SINGLE + EXP) * Math.max(1, divergence), "klDivergence");
        }
    }

    private static double[] logSoftmax(double[] x, int cols) {
        double[] result = new double[x.length];
        for (int start = 0; start < x.length; start += cols) {
            double most = Double.NEGATIVE_INFINITY;
            for (int j = start; j < start + cols; j++) {
                most = Math.max(most, x[j]);
            }
            double sum = 0;
            for (int j = start; j < start + cols; j++) {
                sum += Math.exp(x[j] - most);
            }
            for (int j = start; j < start + cols; j++) {
                result[j] = x[j] - most - Math.log(sum);
            }
        }
        return result;
    }

    @Test
    void largestEntryIsTheFirstOfEquals() {
        double[] values = {1, 3, 3, -5, -5, -7, Double.NEGATIVE_INFINITY, 0, 0};
        for (DType type : new DType[] {DType.F32, DType.F64}) {
            Matrix columns = output(3, 1, DType.F64, new double[3]);
            backend.argmax(matrix(3, 3, type, values), columns);
            assertSame(new double[] {1, 0, 1}, read(columns), type + "");
        }
        backend.argmax(matrix(0, 3, DType.F32), matrix(0, 1, DType.F64));
    }

    @ParameterizedTest
    @CsvSource({"0,3", "1,1", "3,5", "7,257"})
    void embeddingsAreTheTablesRows(int n, int d) {
        int vocabulary = 300;
        double[] table = normal(vocabulary * d);
        double[] tokens = random.ints(n, 0, vocabulary).asDoubleStream().toArray();
        if (n > 0) {
            tokens[n - 1] = vocabulary - 1;
        }
        double[] expected = new double[n * d];
        Arrays.setAll(expected, i -> table[(int) tokens[i / d] * d + i % d]);
        Matrix out = output(n, d, DType.F32, new double[n * d]);
        Matrix own = matrix(vocabulary, d, DType.F32, table);
        backend.embed(own, matrix(n, 1, DType.F64, tokens), out);
        assertSame(expected, read(out), "embed");

        ByteBuffer stored = ByteBuffer.allocate(2 * table.length).order(ByteOrder.LITTLE_ENDIAN);
        for (double value : table) {
            stored.putShort(Bfloat16.fromFloat((float) value));
        }
        Matrix weight = closing(backend.allocateWeight(vocabulary, d, DType.BF16));
        backend.load(weight, stored.flip(), DType.BF16);
        Arrays.setAll(expected, i -> Bfloat16.round((float) table[(int) tokens[i / d] * d + i % d]));
        backend.embed(weight, matrix(n, 1, DType.F64, tokens), out);
        assertSame(expected, read(out), "embed, a weight");
    }

    private double[] nucleus(double share, double... probabilities) {
        double[] logs = Arrays.stream(probabilities).map(Math::log).toArray();
        Matrix x = output(1, logs.length, DType.F32, logs);
        backend.keepNucleus(x, share);
        double[] found = read(x);
        double[] kept = new double[found.length];
        for (int j = 0; j < kept.length; j++) {
            if (found[j] != Double.NEGATIVE_INFINITY) {
                assertEquals((float) logs[j], found[j], "what stays is as it was");
                kept[j] = 1;
            }
        }
        return kept;
    }

    @Test
    void nucleusIsTheSmallestSetThatReachesTheShare() {
        // 0.5 + 0.25 = 0.75 reaches 0.7; 0.5 alone does not
        assertArrayEquals(new double[] {0, 1, 1, 0}, nucleus(0.7, 0.1, 0.5, 0.25, 0.15));
        // reached is reached, a hair below it for rounding
        assertArrayEquals(new double[] {0, 1, 0, 0}, nucleus(0.499999, 0.1, 0.5, 0.25, 0.15));
        assertArrayEquals(new double[] {0, 1, 1, 0}, nucleus(0.500001, 0.1, 0.5, 0.25, 0.15));
        assertArrayEquals(new double[] {1, 1, 0, 0}, nucleus(0.4, 0.25, 0.25, 0.25, 0.25), "equals from the lowest on");
        assertArrayEquals(new double[] {0, 1, 1, 0}, nucleus(0.5, 0.1, 0.4, 0.25, 0.25), "and after larger ones");
        assertArrayEquals(new double[] {1}, nucleus(1e-9, 1), "one stays");
        assertArrayEquals(new double[] {0, 1, 0}, nucleus(1, 0, 1, 0), "no column without mass");
        assertArrayEquals(new double[] {1, 1, 1, 1}, nucleus(1, 0.1, 0.5, 0.25, 0.15));
    }

    /** Few different values, so that many are equal; the last column by sorting, in f64. */
    @ParameterizedTest
    @CsvSource({"1,1,0.3", "3,31,0.9", "2,1024,0.5", "2,1025,0.05", "1,49152,0.95", "2,5000,1"})
    void nucleusEqualsSorting(int rows, int cols, double share) {
        double[] x = new double[rows * cols];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) (3 * random.nextGaussian());
            x[i] = (float) (Math.round(x[i] * 4) / 4.0);
        }
        double[] logs = doubles(floats(logSoftmax(x, cols)));
        Matrix found = output(rows, cols, DType.F32, logs);
        backend.keepNucleus(found, share);
        double[] after = read(found);
        for (int row = 0; row < rows; row++) {
            int start = row * cols;
            Integer[] order = new Integer[cols];
            Arrays.setAll(order, j -> j);
            Arrays.sort(order, Comparator.comparingDouble(j -> -logs[start + j]));
            double total =
                    Arrays.stream(logs, start, start + cols).map(Math::exp).sum();
            double before = 0;
            for (int j : order) {
                double mass = Math.exp(logs[start + j]);
                boolean stays = after[start + j] != Double.NEGATIVE_INFINITY;
                if (stays) {
                    assertEquals(logs[start + j], after[start + j]);
                }
                // where the sums before it are within the rounding of exp of the share, either is right
                if (Math.abs(before - share * total) > 4 * EXP * total) {
                    assertEquals(before < share * total, stays, "column " + j + " behind a mass of " + before);
                }
                before += mass;
            }
        }
    }

    @Test
    void nucleusWithoutMassStays() {
        double none = Double.NEGATIVE_INFINITY;
        Matrix x = output(2, 3, DType.F32, none, none, none, Double.NaN, -0.25, none);
        backend.keepNucleus(x, 0.9);
        assertSame(new double[] {none, none, none, none, -0.25, none}, read(x), "NaN is never in it");
        backend.keepNucleus(matrix(0, 3, DType.F32), 0.5);
        for (double share : new double[] {0, -1, 1.5, Double.NaN}) {
            assertThrows(IllegalArgumentException.class, () -> backend.keepNucleus(x, share));
        }
    }
}
