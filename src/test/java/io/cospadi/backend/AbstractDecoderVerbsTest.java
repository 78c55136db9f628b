package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Comparator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The decoder's verbs against their formulas in plain f64 loops. */
abstract class AbstractDecoderVerbsTest extends AbstractBackendTest {
    /** Relative error of the backend's exp, with room for the rounding of its argument. */
    private static final double EXP = 4e-7;

    private Codes codes(int rows, int k, int s) {
        int[] atoms = new int[rows * s];
        float[] values = new float[rows * s];
        for (int i = 0; i < rows; i++) {
            int[] order = random.ints(0, k).distinct().limit(s).sorted().toArray();
            System.arraycopy(order, 0, atoms, i * s, s);
            for (int p = i * s; p < (i + 1) * s; p++) {
                values[p] = Bfloat16.round((float) random.nextGaussian());
            }
        }
        return new Codes(rows, k, s, atoms, values);
    }

    /** In shared memory, the 8 tokens of 1091 atoms and the sums of warps are little more than a kernel has without asking. */
    @ParameterizedTest
    @CsvSource({
        "8,40,1091,545",
        "7,40,70,35",
        "1,5,1,1",
        "1,0,3,2",
        "0,7,9,3",
        "1,65,64,32",
        "1,63,65,33",
        "2,200,129,1",
        "4,96,128,128",
        "5,97,70,35",
        "13,130,70,35",
        "16,50,70,35",
        "17,50,70,35",
        "33,192,526,263",
        "64,50,70,35",
        "65,50,70,35"
    })
    void packedProductEqualsDenseProduct(int n, int rows, int k, int s) {
        Codes codes = codes(rows, k, s);
        double[] dense = new double[rows * k];
        for (int p = 0; p < rows * s; p++) {
            dense[p / s * k + codes.atoms()[p]] = codes.values()[p];
        }
        SparseMatrix packed = closing(backend.upload(codes));
        assertEquals(rows, packed.rows());
        assertEquals(k, packed.cols());
        assertEquals(s, packed.nonzerosPerRow());
        assertEquals(packed.bytes(), backend.allocatedBytes(), "counted");
        double[] z = normal(n * k);
        Matrix out = output(n, rows, DType.F32);
        backend.multiplyCodes(matrix(n, k, DType.F32, z), packed, out);
        double[][] reference = product(z, false, dense, true, n, rows, k);
        double[] allowance =
                Arrays.stream(reference[1]).map(sum -> (s + 4) * SINGLE * sum).toArray();
        assertWithin(reference[0], read(out), allowance, "multiplyCodes");

        double[] before = normal(n * rows);
        Matrix sum = output(n, rows, DType.F32, before);
        backend.multiplyCodes(matrix(n, k, DType.F32, z), packed, true, sum);
        for (int i = 0; i < before.length; i++) {
            allowance[i] += 2 * SINGLE * (Math.abs(before[i]) + reference[1][i]);
            reference[0][i] += before[i];
        }
        assertWithin(reference[0], read(sum), allowance, "multiplyCodes, adding");
    }

    @Test
    void codesThatSixteenBitsCannotHoldAreRefused() {
        Codes fine = new Codes(1, 2, 1, new int[] {1}, new float[] {1.0f / 3});
        assertThrows(IllegalArgumentException.class, () -> backend.upload(fine));
        assertEquals(0, backend.allocatedBytes());
        SparseMatrix packed = backend.upload(codes(2, 3, 1));
        Matrix z = matrix(1, 3, DType.F32);
        Matrix out = matrix(1, 2, DType.F32);
        packed.close();
        packed.close();
        assertThrows(IllegalStateException.class, () -> backend.multiplyCodes(z, packed, out));
    }

    @ParameterizedTest
    @CsvSource({"0,4,4", "1,1,1", "3,6,3", "5,64,64", "7,192,64", "100,576,576"})
    void rmsNormMeetsItsDefinition(int rows, int cols, int group) {
        double[] x = normal(rows * cols);
        double[] weight = normal(group);
        double[] expected = new double[rows * cols];
        for (int start = 0; start < x.length; start += group) {
            double squares = 0;
            for (int j = 0; j < group; j++) {
                squares += x[start + j] * x[start + j];
            }
            for (int j = 0; j < group; j++) {
                expected[start + j] = x[start + j] / Math.sqrt(squares / group + 1e-5) * weight[j];
            }
        }
        Matrix gain = matrix(1, group, DType.F32, weight);
        Matrix in = output(rows, cols, DType.F32, x);
        Matrix out = output(rows, cols, DType.F32);
        double[] allowance =
                Arrays.stream(expected).map(v -> 4 * SINGLE * Math.abs(v)).toArray();
        backend.rmsNorm(in, gain, 1e-5, out);
        assertWithin(expected, read(out), allowance, "rmsNorm");
        backend.rmsNorm(in, gain, 1e-5, in);
        assertWithin(expected, read(in), allowance, "in place");
    }

    @ParameterizedTest
    @CsvSource({"0,2,4,0", "1,1,2,0", "3,2,8,5", "65,3,64,7"})
    void rotationTurnsHalfSplitPairs(int n, int heads, int headDim, int first) {
        int half = headDim / 2;
        double[] x = normal(n * heads * headDim);
        double[] cos = new double[(first + n) * half];
        double[] sin = new double[cos.length];
        for (int i = 0; i < cos.length; i++) {
            double angle = i / half * Math.pow(10_000, -2.0 * (i % half) / headDim);
            cos[i] = (float) Math.cos(angle);
            sin[i] = (float) Math.sin(angle);
        }
        double[] expected = new double[x.length];
        for (int i = 0; i < n; i++) {
            for (int head = 0; head < heads; head++) {
                for (int j = 0; j < half; j++) {
                    int at = (i * heads + head) * headDim + j;
                    double c = cos[(first + i) * half + j];
                    double s = sin[(first + i) * half + j];
                    expected[at] = x[at] * c - x[at + half] * s;
                    expected[at + half] = x[at + half] * c + x[at] * s;
                }
            }
        }
        Matrix turned = output(n, heads * headDim, DType.F32, x);
        backend.rotate(turned, matrix(first + n, half, DType.F32, cos), matrix(first + n, half, DType.F32, sin), first);
        assertWithin(expected, read(turned), 40 * SINGLE, "rotate");
    }

    @ParameterizedTest
    @CsvSource({
        "1,1,1,1,0,2147483647", "1,4,2,8,0,2147483647", "1,4,1,8,70,2147483647", "3,2,2,5,4,2147483647",
        "63,2,1,16,0,2147483647", "64,2,2,16,0,2147483647", "65,3,1,16,3,2147483647", "150,4,2,8,20,2147483647",
        "150,2,1,8,20,1", "150,2,1,8,20,17", "0,2,1,8,3,5", "130,1,1,8,0,64"
    })
    void attentionSeesItsWindowOnly(int n, int heads, int kvHeads, int headDim, int first, int window) {
        int positions = first + n + 2;
        double[] q = normal(n * heads * headDim);
        double[] k = normal(positions * kvHeads * headDim);
        double[] v = normal(positions * kvHeads * headDim);
        // what lies behind the last query must not be read
        Arrays.fill(k, (first + n) * kvHeads * headDim, k.length, Double.NaN);
        Arrays.fill(v, (first + n) * kvHeads * headDim, v.length, Double.NaN);
        double[] expected = new double[q.length];
        for (int i = 0; i < n; i++) {
            for (int head = 0; head < heads; head++) {
                attend(q, k, v, expected, i, head, heads, kvHeads, headDim, first + i, window);
            }
        }
        Matrix out = output(n, heads * headDim, DType.F32);
        backend.attention(
                matrix(n, heads * headDim, DType.F32, q),
                matrix(positions, kvHeads * headDim, DType.F32, k),
                matrix(positions, kvHeads * headDim, DType.F32, v),
                heads,
                headDim,
                first,
                window,
                out);
        // scores up to about 10 carry (headDim + 4) u relative error, which exp turns into its relative error
        double allowance = 4 * (EXP + 10 * (headDim + 4) * SINGLE + (positions + 4) * SINGLE);
        assertWithin(expected, read(out), allowance, "attention");
    }

    private static void attend(
            double[] q,
            double[] k,
            double[] v,
            double[] out,
            int i,
            int head,
            int heads,
            int kvHeads,
            int headDim,
            int position,
            int window) {
        int query = (i * heads + head) * headDim;
        int shared = head / (heads / kvHeads);
        double[] weights = new double[position + 1];
        double total = 0;
        for (int j = 0; j <= position; j++) {
            if (position - j < window) {
                double score = 0;
                for (int l = 0; l < headDim; l++) {
                    score += q[query + l] * k[(j * kvHeads + shared) * headDim + l];
                }
                weights[j] = Math.exp(score / Math.sqrt(headDim));
                total += weights[j];
            }
        }
        for (int j = 0; j <= position; j++) {
            for (int l = 0; l < headDim; l++) {
                out[query + l] += weights[j] / total * v[(j * kvHeads + shared) * headDim + l];
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0,3", "1,1", "3,5", "2,4097"})
    void siluAndBiasMeetTheirDefinitions(int rows, int cols) {
        double[] gate = normal(rows * cols);
        for (int i = 0; i < gate.length; i++) {
            gate[i] = (float) (gate[i] * (i % 7 == 0 ? 60 : 3));
        }
        double[] up = normal(rows * cols);
        double[] expected = new double[gate.length];
        double[] allowance = new double[gate.length];
        for (int i = 0; i < gate.length; i++) {
            expected[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
            allowance[i] = (EXP + 4 * SINGLE) * Math.abs(expected[i]) + Float.MIN_NORMAL * 200;
        }
        Matrix activated = output(rows, cols, DType.F32, gate);
        backend.siluMultiply(activated, matrix(rows, cols, DType.F32, up));
        assertWithin(expected, read(activated), allowance, "siluMultiply");

        double[] bias = normal(cols);
        Matrix biased = output(rows, cols, DType.F32, up);
        backend.addBias(biased, matrix(1, cols, DType.F32, bias));
        for (int i = 0; i < up.length; i++) {
            expected[i] = (float) (up[i] + bias[i % cols]);
        }
        assertSame(expected, read(biased), "addBias");
    }

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
