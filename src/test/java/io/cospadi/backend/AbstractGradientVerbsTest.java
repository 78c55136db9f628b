package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The gradient verbs against central differences of the forward formulas in plain f64 loops, where that is affordable; for
 * attention, which has tiles to get wrong, against plain loops that are themselves held against central differences.
 */
abstract class AbstractGradientVerbsTest extends AbstractBackendTest {
    /** Relative error of the backend's exp, with room for the rounding of its argument. */
    private static final double EXP = 4e-7;

    /** Its square, and the roundoff of f64 over it, are far below anything f32 resolves. */
    private static final double STEP = 1e-5;

    private static final double EPS = 1e-5;

    /** The gradient at x of {@code sum of gradient · f(x)}, by central differences. */
    private static double[] differences(UnaryOperator<double[]> f, double[] x, double[] gradient) {
        double[] slopes = new double[x.length];
        double[] moved = x.clone();
        for (int i = 0; i < x.length; i++) {
            moved[i] = x[i] + STEP;
            double[] above = f.apply(moved);
            moved[i] = x[i] - STEP;
            double[] below = f.apply(moved);
            moved[i] = x[i];
            for (int j = 0; j < gradient.length; j++) {
                slopes[i] += gradient[j] * (above[j] - below[j]) / (2 * STEP);
            }
        }
        return slopes;
    }

    @ParameterizedTest
    @CsvSource({"0,4,4", "1,1,1", "3,6,3", "2,64,64", "3,96,16", "65,2,2"})
    void normGradientEqualsDifferences(int rows, int cols, int group) {
        double[] x = normal(rows * cols);
        double[] weight = normal(group);
        double[] gradient = normal(rows * cols);
        double[] expected = new double[x.length];
        double[] allowance = new double[x.length];
        for (int start = 0; start < x.length; start += group) {
            double[] part = Arrays.copyOfRange(x, start, start + group);
            double[] above = Arrays.copyOfRange(gradient, start, start + group);
            System.arraycopy(differences(v -> norm(v, weight), part, above), 0, expected, start, group);
            double r = 1 / Math.sqrt(Arrays.stream(part).map(v -> v * v).sum() / group + EPS);
            double along = 0;
            for (int j = 0; j < group; j++) {
                along += Math.abs(above[j] * weight[j] * part[j]);
            }
            for (int j = 0; j < group; j++) {
                // the terms that are subtracted, each rounded a few times; and what the differences cut off
                allowance[start + j] = 4
                                * SINGLE
                                * (r * Math.abs(above[j] * weight[j]) + r * r * r * along / group * Math.abs(part[j]))
                        + STEP * STEP * r * r * r * (along + 1);
            }
        }
        Matrix out = output(rows, cols, DType.F32, gradient);
        backend.rmsNormGradient(matrix(rows, cols, DType.F32, x), matrix(1, group, DType.F32, weight), EPS, out);
        assertWithin(expected, read(out), allowance, "rmsNormGradient");
    }

    private static double[] norm(double[] x, double[] weight) {
        double r = 1 / Math.sqrt(Arrays.stream(x).map(v -> v * v).sum() / x.length + EPS);
        double[] out = new double[x.length];
        Arrays.setAll(out, j -> x[j] * r * weight[j]);
        return out;
    }

    @ParameterizedTest
    @CsvSource({"0,2,4,0", "1,1,2,0", "3,2,8,5", "65,3,64,7"})
    void turningBackIsTheTransposeOfTurning(int n, int heads, int headDim, int first) {
        int half = headDim / 2;
        double[] angles = random.doubles((long) (first + n) * half, 0, 7).toArray();
        Matrix cos = matrix(
                first + n, half, DType.F32, Arrays.stream(angles).map(Math::cos).toArray());
        Matrix sin = matrix(
                first + n, half, DType.F32, Arrays.stream(angles).map(Math::sin).toArray());
        double[] x = normal(n * heads * headDim);
        Matrix turned = output(n, heads * headDim, DType.F32, x);
        backend.rotateBack(turned, cos, sin, first);
        double[] c = read(cos);
        double[] s = read(sin);
        double[] expected = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            int table = (first + i / (heads * headDim)) * half + i % half;
            // column (left, right) of the rotation ((c, -s), (s, c)) is a row of its transpose
            expected[i] = i % headDim < half
                    ? x[i] * c[table] + x[i + half] * s[table]
                    : x[i] * c[table] - x[i - half] * s[table];
        }
        assertWithin(expected, read(turned), 40 * SINGLE, "rotateBack");
        backend.rotate(turned, cos, sin, first);
        assertWithin(x, read(turned), 80 * SINGLE, "there and back");
    }

    @ParameterizedTest
    @CsvSource({
        "1,1,1,1,2147483647", "3,2,2,5,2147483647", "5,4,1,4,2147483647", "33,6,2,16,2147483647",
                "63,2,1,16,2147483647",
        "64,2,2,16,2147483647", "65,3,1,16,2147483647", "150,4,2,8,2147483647", "150,2,1,8,1", "150,2,1,8,17",
        "130,1,1,8,64", "0,2,1,8,5", "200,9,3,8,100", "40,2,1,128,2147483647", "20,2,1,256,9"
    })
    void attentionGradientEqualsPlainLoops(int n, int heads, int kvHeads, int headDim, int window) {
        PlainAttention plain = new PlainAttention(n, heads, kvHeads, headDim, window);
        double[] q = normal(n * heads * headDim);
        double[] k = normal(n * kvHeads * headDim);
        double[] v = normal(k.length);
        double[] gradient = normal(q.length);
        double[][] expected = plain.gradients(q, k, v, gradient);
        Matrix[] out = {
            output(n, heads * headDim, DType.F32),
            output(n, kvHeads * headDim, DType.F32),
            output(n, kvHeads * headDim, DType.F32)
        };
        for (Matrix matrix : out) {
            backend.fill(matrix, Double.NaN); // what was there before does not count
        }
        backend.attentionGradient(
                matrix(n, heads * headDim, DType.F32, q),
                matrix(n, kvHeads * headDim, DType.F32, k),
                matrix(n, kvHeads * headDim, DType.F32, v),
                heads,
                headDim,
                window,
                matrix(n, heads * headDim, DType.F32, gradient),
                out[0],
                out[1],
                out[2]);
        // scores up to about 10 carry (headDim + 4) u relative error, which exp turns into its relative error; then
        // sums over
        // the head's columns, over keys, and over the queries of all heads that share a key
        double relative = 4 * (EXP + 10 * (headDim + 4) * SINGLE + (n * (heads / kvHeads) + headDim + 8) * SINGLE);
        for (int i = 0; i < 3; i++) {
            double[] allowance =
                    Arrays.stream(expected[i + 3]).map(m -> relative * m).toArray();
            assertWithin(expected[i], read(out[i]), allowance, "gradient of " + "QKV".charAt(i));
        }
    }

    @ParameterizedTest
    @CsvSource({"5,4,2,3,2147483647", "6,2,1,4,3"})
    void plainAttentionGradientEqualsDifferences(int n, int heads, int kvHeads, int headDim, int window) {
        PlainAttention plain = new PlainAttention(n, heads, kvHeads, headDim, window);
        double[] q = normal(n * heads * headDim);
        double[] k = normal(n * kvHeads * headDim);
        double[] v = normal(k.length);
        double[] gradient = normal(q.length);
        double[][] found = plain.gradients(q, k, v, gradient);
        // third derivatives are moderate here: the differences are exact to a few hundred STEP²
        double allowance = 1e3 * STEP * STEP;
        assertWithin(differences(x -> plain.forward(x, k, v), q, gradient), found[0], allowance, "queries");
        assertWithin(differences(x -> plain.forward(q, x, v), k, gradient), found[1], allowance, "keys");
        assertWithin(differences(x -> plain.forward(q, k, x), v, gradient), found[2], allowance, "values");
    }

    /** Causal attention from position 0 on and its gradients, a pair of query and key at a time. */
    private record PlainAttention(int n, int heads, int kvHeads, int headDim, int window) {
        private double[] weights(double[] q, double[] k, int i, int head) {
            double[] weights = new double[i + 1];
            double total = 0;
            for (int j = Math.max(0, i - window + 1); j <= i; j++) {
                double score = 0;
                for (int l = 0; l < headDim; l++) {
                    score += q[query(i, head) + l] * k[key(j, head) + l];
                }
                weights[j] = Math.exp(score / Math.sqrt(headDim));
                total += weights[j];
            }
            for (int j = 0; j <= i; j++) {
                weights[j] /= total;
            }
            return weights;
        }

        private int query(int i, int head) {
            return (i * heads + head) * headDim;
        }

        private int key(int j, int head) {
            return (j * kvHeads + head / (heads / kvHeads)) * headDim;
        }

        double[] forward(double[] q, double[] k, double[] v) {
            double[] out = new double[q.length];
            for (int i = 0; i < n; i++) {
                for (int head = 0; head < heads; head++) {
                    double[] weights = weights(q, k, i, head);
                    for (int j = 0; j <= i; j++) {
                        for (int l = 0; l < headDim; l++) {
                            out[query(i, head) + l] += weights[j] * v[key(j, head) + l];
                        }
                    }
                }
            }
            return out;
        }

        /** At q, k and v; and for each the same sums with magnitudes, for the allowance. */
        double[][] gradients(double[] q, double[] k, double[] v, double[] gradient) {
            double[][] sums = {
                new double[q.length], new double[k.length], new double[k.length],
                new double[q.length], new double[k.length], new double[k.length]
            };
            for (int i = 0; i < n; i++) {
                for (int head = 0; head < heads; head++) {
                    pairs(q, k, v, gradient, i, head, sums);
                }
            }
            return sums;
        }

        private void pairs(double[] q, double[] k, double[] v, double[] gradient, int i, int head, double[][] sums) {
            double[] weights = weights(q, k, i, head);
            double[] slopes = new double[i + 1];
            double[] sizes = new double[i + 1];
            double mean = 0;
            double meanSize = 0;
            for (int j = 0; j <= i; j++) {
                for (int l = 0; l < headDim; l++) {
                    double term = gradient[query(i, head) + l] * v[key(j, head) + l];
                    slopes[j] += term;
                    sizes[j] += Math.abs(term);
                    sums[2][key(j, head) + l] += weights[j] * gradient[query(i, head) + l];
                    sums[5][key(j, head) + l] += weights[j] * Math.abs(gradient[query(i, head) + l]);
                }
                mean += weights[j] * slopes[j];
                meanSize += weights[j] * sizes[j];
            }
            for (int j = 0; j <= i; j++) {
                double slope = weights[j] * (slopes[j] - mean) / Math.sqrt(headDim);
                double size = weights[j] * (sizes[j] + meanSize) / Math.sqrt(headDim);
                for (int l = 0; l < headDim; l++) {
                    sums[0][query(i, head) + l] += slope * k[key(j, head) + l];
                    sums[1][key(j, head) + l] += slope * q[query(i, head) + l];
                    sums[3][query(i, head) + l] += size * Math.abs(k[key(j, head) + l]);
                    sums[4][key(j, head) + l] += size * Math.abs(q[query(i, head) + l]);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0,3", "1,1", "3,5", "2,4097"})
    void siluGradientEqualsDifferences(int rows, int cols) {
        double[] gate = normal(rows * cols);
        double[] up = normal(rows * cols);
        double[] gradient = normal(rows * cols);
        double[] ofGate = new double[gate.length];
        double[] ofUp = new double[gate.length];
        double[] gateAllowance = new double[gate.length];
        double[] upAllowance = new double[gate.length];
        for (int i = 0; i < gate.length; i++) {
            gate[i] = (float) (gate[i] * (i % 7 == 0 ? 60 : 3));
            double factor = gradient[i] * up[i];
            double x = gate[i];
            ofGate[i] = factor * (silu(x + STEP) - silu(x - STEP)) / (2 * STEP);
            ofUp[i] = gradient[i] * silu(x);
            double sigmoid = 1 / (1 + Math.exp(-x));
            // 1 - sigmoid is off by EXP + 2 u, and counts x times; silu of 200 loses 200 f64 roundoffs over the step
            gateAllowance[i] = Math.abs(factor)
                            * (sigmoid * (1 + Math.abs(x) * (1 - sigmoid)) * (2 * EXP + 8 * SINGLE)
                                    + sigmoid * Math.abs(x) * (EXP + 2 * SINGLE)
                                    + STEP * STEP
                                    + 200 * DOUBLE / STEP)
                    + 1e-35;
            upAllowance[i] = (EXP + 4 * SINGLE) * Math.abs(ofUp[i]) + 1e-35;
        }
        Matrix g = output(rows, cols, DType.F32, gate);
        Matrix u = output(rows, cols, DType.F32, up);
        Matrix above = matrix(rows, cols, DType.F32, gradient);
        backend.siluMultiplyGradient(g, u, above);
        assertWithin(ofGate, read(g), gateAllowance, "gate");
        assertWithin(ofUp, read(u), upAllowance, "up");
        assertSame(gradient, read(above), "the gradient is only read");
    }

    private static double silu(double x) {
        return x / (1 + Math.exp(-x));
    }

    @ParameterizedTest
    @CsvSource({"0,3", "1,1", "3,5", "2,130"})
    void likelihoodGradientEqualsDifferencesOfTheLogits(int rows, int cols) {
        double[] logits = normal(rows * cols);
        int[] targets = random.ints(rows, 0, cols).toArray();
        double[] expected = new double[logits.length];
        for (int row = 0; row < rows; row++) {
            int target = targets[row];
            double[] x = Arrays.copyOfRange(logits, row * cols, (row + 1) * cols);
            double[] slopes = differences(v -> new double[] {loss(v, target)}, x, new double[] {1});
            System.arraycopy(slopes, 0, expected, row * cols, cols);
        }
        if (rows > 1) {
            targets[1] = -1; // a row without a target
            Arrays.fill(expected, cols, 2 * cols, 0);
        }
        Matrix out = output(rows, cols, DType.F32, logits);
        backend.logSoftmax(out);
        backend.likelihoodGradient(
                out,
                matrix(
                        rows,
                        1,
                        DType.F64,
                        Arrays.stream(targets).asDoubleStream().toArray()));
        // log-probabilities down to about -10 are rounded once, which exp turns into relative error of values up to 1
        assertWithin(expected, read(out), 2 * EXP + 12 * SINGLE + STEP * STEP, "likelihoodGradient");
    }

    private static double loss(double[] logits, int target) {
        return Math.log(Arrays.stream(logits).map(Math::exp).sum()) - logits[target];
    }

    @Test
    void drawsFollowTheRunningSumOfProbabilities() {
        double[] log = {Math.log(0.5), Math.log(0.25), Math.log(0.125), Math.log(0.125)};
        double[] uniforms = {0, 0.499, 0.501, 0.749, 0.751, 0.874, 0.876, Math.nextDown(1.0)};
        double[] rows = new double[4 * uniforms.length];
        Arrays.setAll(rows, i -> log[i % 4]);
        Matrix probabilities = matrix(uniforms.length, 4, DType.F32, rows);
        double[] before = read(probabilities);
        assertArrayEquals(new double[] {0, 0, 1, 1, 2, 2, 3, 3}, sample(probabilities, uniforms));
        assertSame(before, read(probabilities), "log-probabilities are only read");
        assertArrayEquals(new double[0], sample(matrix(0, 3, DType.F32), new double[0]));
    }

    private double[] sample(Matrix logProbabilities, double[] uniforms) {
        Matrix columns = output(uniforms.length, 1, DType.F64, new double[uniforms.length]);
        backend.sample(logProbabilities, uniforms, columns);
        return read(columns);
    }

    @Test
    void rowsAreShortenedToTheLongestAllowed() {
        // norms 4, 1, 100, 3, 2: the median is 3
        assertArrayEquals(new double[] {1, 1, 0.06f, 1, 1}, clippingFactors(2, 16, 1, 10_000, 9, 4));
        assertArrayEquals(new double[] {1, 1, 1, 1, 1}, clippingFactors(40, 16, 1, 10_000, 9, 4));
        assertArrayEquals(new double[] {1, 0.5, 1, 0.25}, clippingFactors(1, 1, 4, 1, 16), "the lower of two");
        assertArrayEquals(new double[] {1, 1, 1}, clippingFactors(10, 0, 0, 5), "median 0");
        assertArrayEquals(new double[] {0.5, 1, 1, 1, 1}, clippingFactors(1, 16, 4, 0, 1, Double.NaN), "NaN is last");
        assertArrayEquals(new double[] {1, 1}, clippingFactors(1, Double.NaN, Double.NaN));
        assertArrayEquals(new double[] {0.25}, clippingFactors(0.25, 7));
        assertArrayEquals(new double[0], clippingFactors(10));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 255, 256, 257, 1000})
    void shorteningEqualsSorting(int count) {
        double[] squares = new double[count];
        Arrays.setAll(squares, i -> random.nextInt(1 + count / 4)); // many of them equal
        double[] sorted = squares.clone();
        Arrays.sort(sorted);
        double longest = 0.7 * Math.sqrt(sorted[(count - 1) / 2]);
        double[] expected = new double[count];
        Arrays.setAll(expected, i -> longest > 0 ? (float) Math.min(1, longest / Math.sqrt(squares[i])) : 1);
        assertArrayEquals(expected, clippingFactors(0.7, squares));
    }

    private double[] clippingFactors(double clipping, double... squares) {
        Matrix own = matrix(1, squares.length, DType.F32, squares);
        Matrix factors = output(1, squares.length, DType.F32, squares);
        backend.clippingFactors(own, clipping, factors);
        assertArrayEquals(squares, read(own), "squares are only read");
        backend.clippingFactors(own, clipping, own);
        assertArrayEquals(read(factors), read(own), "in place");
        return read(factors);
    }

    @Test
    void drawsOccurAsOftenAsTheirProbabilitiesSay() {
        int cols = 300;
        int draws = 20_000;
        double[] logits = normal(cols);
        double normalizer = loss(logits, 0) + logits[0];
        double[] rows = new double[1000 * cols];
        Arrays.setAll(rows, i -> logits[i % cols] - normalizer);
        Matrix probabilities = matrix(1000, cols, DType.F32, rows);
        double[] counts = new double[cols];
        for (int i = 0; i < draws; i += 1000) {
            for (double drawn : sample(probabilities, random.doubles(1000).toArray())) {
                counts[(int) drawn]++;
            }
        }
        double chiSquare = 0;
        for (int j = 0; j < cols; j++) {
            double expected = draws * Math.exp(rows[j]);
            chiSquare += (counts[j] - expected) * (counts[j] - expected) / expected;
        }
        // its mean is cols - 1 and its variance 2 (cols - 1): six deviations
        double deviations = (chiSquare - (cols - 1)) / Math.sqrt(2.0 * (cols - 1));
        assertTrue(Math.abs(deviations) < 6, "chi-square is " + deviations + " deviations from its mean");
    }

    @ParameterizedTest
    @CsvSource({"0,3", "1,1", "7,5", "3,255", "3,256", "3,257", "100,600"})
    void squaresAddUpByColumn(int rows, int cols) {
        double[] x = normal(rows * cols);
        double[] factors = normal(rows);
        double[] expected = new double[cols];
        Arrays.setAll(expected, j -> j);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < cols; j++) {
                expected[j] += factors[i] * factors[i] * x[i * cols + j] * x[i * cols + j];
            }
        }
        double[] before = new double[cols];
        Arrays.setAll(before, j -> j);
        Matrix sums = output(1, cols, DType.F64, before);
        backend.addSquares(matrix(rows, cols, DType.F32, x), matrix(1, rows, DType.F32, factors), sums);
        double[] allowance =
                Arrays.stream(expected).map(sum -> (rows + 4) * DOUBLE * sum).toArray();
        assertWithin(expected, read(sums), allowance, "addSquares");
    }
}
