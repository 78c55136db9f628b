package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.util.Arrays;
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
        "150,2,1,8,20,1", "150,2,1,8,20,17", "0,2,1,8,3,5", "130,1,1,8,0,64",
        "40,2,1,128,3,2147483647", "40,2,1,256,0,20", "2,2,1,256,9,2147483647"
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
}
