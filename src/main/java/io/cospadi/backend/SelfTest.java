package io.cospadi.backend;

import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * A few verbs of a backend on small problems, each against plain loops in doubles: quick proof on a user's machine that its
 * libraries compute. What the verbs promise in full is the subject of the backend's test suite.
 */
public final class SelfTest {
    /** Relative to the largest expected value; sums here are short, so a few hundred roundings are ample. */
    private static final double SINGLE = 2e-5;

    private static final double DOUBLE = 1e-11;
    private static final long SEED = 42;

    /**
     * One verb.
     *
     * @param verb      what was computed
     * @param deviation largest difference from the loops, relative to the largest expected value
     * @param allowance largest that is right
     */
    public record Check(String verb, double deviation, double allowance) {
        /** A deviation that is no number fails. */
        public boolean passed() {
            return deviation <= allowance;
        }
    }

    private final Backend backend;
    private final SplittableRandom random = new SplittableRandom(SEED);

    private SelfTest(Backend backend) {
        this.backend = backend;
    }

    /** All checks; nothing stays allocated. */
    public static List<Check> run(Backend backend) {
        SelfTest test = new SelfTest(backend);
        return List.of(
                test.product(DType.F32, SINGLE),
                test.product(DType.F64, DOUBLE),
                test.gram(),
                test.cholesky(),
                test.eigenvalues(),
                test.pursuit(),
                test.thresholdStep(),
                test.codes(3),
                test.codes(40),
                test.norm(),
                test.attention(),
                test.attentionGradient(),
                test.likelihood());
    }

    /** {@code c = a bᵀ}, sizes off every tile. */
    private Check product(DType type, double allowance) {
        int m = 37;
        int n = 29;
        int inner = 67;
        double[] a = values(m * inner);
        double[] b = values(n * inner);
        double[] expected = new double[m * n];
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                for (int p = 0; p < inner; p++) {
                    expected[i * n + j] += a[i * inner + p] * b[j * inner + p];
                }
            }
        }
        try (Matrix left = matrix(m, inner, a, type);
                Matrix right = matrix(n, inner, b, type);
                Matrix out = backend.allocate(m, n, type)) {
            backend.gemm(1, left, false, right, true, 0, out);
            return check("matrix product, " + type.name().toLowerCase(Locale.ROOT), expected, out, allowance);
        }
    }

    /** {@code xᵀ x} of f32 rows, as precise as the backend says. */
    private Check gram() {
        int n = 53;
        int d = 19;
        double[] x = values(n * d);
        double[] expected = new double[d * d];
        for (int i = 0; i < d; i++) {
            for (int j = 0; j < d; j++) {
                for (int row = 0; row < n; row++) {
                    expected[i * d + j] += x[row * d + i] * x[row * d + j];
                }
            }
        }
        try (Matrix rows = matrix(n, d, x, DType.F32);
                Matrix sum = backend.allocate(d, d, DType.F64)) {
            backend.addGram(rows, sum);
            return check("Gram matrix", expected, sum, backend.gramPrecision() == DType.F64 ? DOUBLE : SINGLE);
        }
    }

    /** Solves {@code A x = b} for a known x, A well conditioned. */
    private Check cholesky() {
        int n = 31;
        double[] a = symmetric(n);
        for (int i = 0; i < n; i++) {
            a[i * n + i] += 2 * n;
        }
        double[] x = values(n);
        double[] b = new double[n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                b[i] += a[i * n + j] * x[j];
            }
        }
        try (Matrix factor = matrix(n, n, a, DType.F64);
                Matrix solution = matrix(n, 1, b, DType.F64)) {
            if (!backend.cholesky(factor)) {
                return new Check("Cholesky solve", Double.NaN, DOUBLE);
            }
            backend.solveCholesky(factor, solution);
            return check("Cholesky solve", x, solution, DOUBLE);
        }
    }

    /** {@code Vᵀ diag(values) V} gives A back. */
    private Check eigenvalues() {
        int n = 23;
        double[] a = symmetric(n);
        try (Matrix vectors = matrix(n, n, a, DType.F64)) {
            double[] eigenvalues = backend.eigenSymmetric(vectors);
            double[] v = backend.readDoubles(vectors);
            double[] product = new double[n * n];
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    for (int p = 0; p < n; p++) {
                        product[i * n + j] += eigenvalues[p] * v[p * n + i] * v[p * n + j];
                    }
                }
            }
            return new Check("eigenvalues", deviation(a, product), DOUBLE);
        }
    }

    /** Over orthonormal atoms, pursuit takes the s largest correlations as they are. */
    private Check pursuit() {
        int rows = 11;
        int k = 21;
        int s = 6;
        double[] correlations = values(rows * k);
        double[] expected = new double[rows * k];
        for (int row = 0; row < rows; row++) {
            double[] sorted = Arrays.stream(correlations, row * k, row * k + k)
                    .map(Math::abs)
                    .sorted()
                    .toArray();
            for (int i = row * k; i < row * k + k; i++) {
                expected[i] = Math.abs(correlations[i]) >= sorted[k - s] ? correlations[i] : 0;
            }
        }
        double[] identity = new double[k * k];
        for (int i = 0; i < k; i++) {
            identity[i * k + i] = 1;
        }
        try (Matrix gram = matrix(k, k, identity, DType.F32);
                Matrix b = matrix(rows, k, correlations, DType.F32);
                Matrix codes = backend.allocate(rows, k, DType.F32)) {
            backend.orthogonalMatchingPursuit(gram, b, s, codes);
            return check("matching pursuit", expected, codes, SINGLE);
        }
    }

    /** A gradient step whose largest entries stay, as the block solver takes it. */
    private Check thresholdStep() {
        int rows = 7;
        int k = 33;
        int s = 8;
        double[] codes = values(rows * k);
        double[] residual = values(rows * k);
        double[] curvature = new double[rows * k];
        double[] expected = new double[rows * k];
        for (int i = 0; i < rows * k; i++) {
            curvature[i] = (i % 3 + 1) * residual[i]; // so that the denominator is positive, and exact as a single
        }
        for (int from = 0; from < rows * k; from += k) {
            double squares = 0;
            double curved = 0;
            for (int i = from; i < from + k; i++) {
                squares += residual[i] * residual[i];
                curved += residual[i] * curvature[i];
            }
            for (int i = from; i < from + k; i++) {
                expected[i] = codes[i] + squares / curved * residual[i];
            }
            double[] sorted = Arrays.stream(expected, from, from + k)
                    .map(Math::abs)
                    .sorted()
                    .toArray();
            for (int i = from; i < from + k; i++) {
                expected[i] = Math.abs(expected[i]) >= sorted[k - s] ? expected[i] : 0;
            }
        }
        try (Matrix c = matrix(rows, k, codes, DType.F32);
                Matrix r = matrix(rows, k, residual, DType.F32);
                Matrix g = matrix(rows, k, residual, DType.F32);
                Matrix curvatures = matrix(rows, k, curvature, DType.F32)) {
            backend.hardThresholdStep(c, r, g, curvatures, s);
            return check("thresholded step", expected, c, SINGLE);
        }
    }

    /** Rows as wide as those of large models. */
    private Check norm() {
        int rows = 3;
        int cols = 4096;
        double[] x = values(rows * cols);
        double[] weight = values(cols);
        double[] expected = new double[rows * cols];
        for (int i = 0; i < rows; i++) {
            double squares = 0;
            for (int j = 0; j < cols; j++) {
                squares += x[i * cols + j] * x[i * cols + j];
            }
            for (int j = 0; j < cols; j++) {
                expected[i * cols + j] = x[i * cols + j] / Math.sqrt(squares / cols + 1e-5) * weight[j];
            }
        }
        try (Matrix input = matrix(rows, cols, x, DType.F32);
                Matrix weights = matrix(1, cols, weight, DType.F32);
                Matrix out = backend.allocate(rows, cols, DType.F32)) {
            backend.rmsNorm(input, weights, 1e-5, out);
            return check("norm", expected, out, SINGLE);
        }
    }

    /** {@code z codesᵀ} from packed codes, of a few tokens or so many that they take another way. */
    private Check codes(int tokens) {
        int rows = 13;
        int k = 20;
        int s = 7;
        int[] atoms = new int[rows * s];
        float[] stored = new float[rows * s];
        for (int i = 0; i < rows * s; i++) {
            atoms[i] = i % s * 2 + (i / s) % 3;
            // few significant bits, so that they are stored exactly
            stored[i] = (random.nextInt(63) - 31) / 16f;
        }
        double[] z = values(tokens * k);
        double[] expected = new double[tokens * rows];
        for (int t = 0; t < tokens; t++) {
            for (int i = 0; i < rows * s; i++) {
                expected[t * rows + i / s] += z[t * k + atoms[i]] * stored[i];
            }
        }
        try (SparseMatrix packed = backend.upload(new Codes(rows, k, s, atoms, stored));
                Matrix input = matrix(tokens, k, z, DType.F32);
                Matrix out = backend.allocate(tokens, rows, DType.F32)) {
            backend.multiplyCodes(input, packed, out);
            return check("product of " + tokens + " tokens with packed codes", expected, out, SINGLE);
        }
    }

    /** Causal, grouped: two query heads share one key head. */
    private Check attention() {
        int n = 9;
        int heads = 2;
        int dim = 8;
        double[] q = values(n * heads * dim);
        double[] keys = values(n * dim);
        double[] v = values(n * dim);
        double[] expected = new double[n * heads * dim];
        for (int i = 0; i < n; i++) {
            for (int h = 0; h < heads; h++) {
                double sum = 0;
                for (int j = 0; j <= i; j++) {
                    double score = 0;
                    for (int c = 0; c < dim; c++) {
                        score += q[(i * heads + h) * dim + c] * keys[j * dim + c];
                    }
                    double weight = Math.exp(score / Math.sqrt(dim));
                    sum += weight;
                    for (int c = 0; c < dim; c++) {
                        expected[(i * heads + h) * dim + c] += weight * v[j * dim + c];
                    }
                }
                for (int c = 0; c < dim; c++) {
                    expected[(i * heads + h) * dim + c] /= sum;
                }
            }
        }
        try (Matrix queries = matrix(n, heads * dim, q, DType.F32);
                Matrix keyRows = matrix(n, dim, keys, DType.F32);
                Matrix valueRows = matrix(n, dim, v, DType.F32);
                Matrix out = backend.allocate(n, heads * dim, DType.F32)) {
            backend.attention(queries, keyRows, valueRows, heads, dim, 0, Integer.MAX_VALUE, out);
            return check("attention", expected, out, SINGLE);
        }
    }

    /** The same differentiated, with heads as wide as large models have: of all kernels this asks for the most of a GPU's blocks. */
    private Check attentionGradient() {
        int n = 9;
        int heads = 2;
        int dim = 128;
        double[] q = values(n * heads * dim);
        double[] keys = values(n * dim);
        double[] v = values(n * dim);
        double[] gradient = values(n * heads * dim);
        int queries = n * heads * dim;
        int pairs = n * dim;
        double[] expected = new double[queries + 2 * pairs]; // of queries, keys, values
        for (int row = 0; row < n * heads; row++) {
            int last = row / heads;
            double[] weights = new double[last + 1];
            double[] pulls = new double[last + 1];
            double sum = 0;
            for (int j = 0; j <= last; j++) {
                weights[j] = Math.exp(dot(q, row, keys, j, dim) / Math.sqrt(dim));
                pulls[j] = dot(gradient, row, v, j, dim);
                sum += weights[j];
            }
            double mean = 0;
            for (int j = 0; j <= last; j++) {
                weights[j] /= sum;
                mean += weights[j] * pulls[j];
            }
            for (int j = 0; j <= last; j++) {
                double score = weights[j] * (pulls[j] - mean) / Math.sqrt(dim);
                for (int c = 0; c < dim; c++) {
                    expected[row * dim + c] += score * keys[j * dim + c];
                    expected[queries + j * dim + c] += score * q[row * dim + c];
                    expected[queries + pairs + j * dim + c] += weights[j] * gradient[row * dim + c];
                }
            }
        }
        try (Matrix queryRows = matrix(n, heads * dim, q, DType.F32);
                Matrix keyRows = matrix(n, dim, keys, DType.F32);
                Matrix valueRows = matrix(n, dim, v, DType.F32);
                Matrix pull = matrix(n, heads * dim, gradient, DType.F32);
                Matrix ofQueries = backend.allocate(n, heads * dim, DType.F32);
                Matrix ofKeys = backend.allocate(n, dim, DType.F32);
                Matrix ofValues = backend.allocate(n, dim, DType.F32)) {
            backend.attentionGradient(
                    queryRows, keyRows, valueRows, heads, dim, Integer.MAX_VALUE, pull, ofQueries, ofKeys, ofValues);
            double[] found = Stream.of(ofQueries, ofKeys, ofValues)
                    .flatMapToDouble(matrix -> Arrays.stream(doubles(matrix)))
                    .toArray();
            return new Check("gradient of attention", deviation(expected, found), SINGLE);
        }
    }

    /** Of a row of dim columns with another. */
    private static double dot(double[] a, int rowOfA, double[] b, int rowOfB, int dim) {
        double sum = 0;
        for (int c = 0; c < dim; c++) {
            sum += a[rowOfA * dim + c] * b[rowOfB * dim + c];
        }
        return sum;
    }

    /** {@code log sum exp(logits) - logit of the target}. */
    private Check likelihood() {
        int rows = 5;
        int vocabulary = 101;
        double[] logits = values(rows * vocabulary);
        int[] targets = new int[rows];
        double[] expected = new double[rows];
        for (int i = 0; i < rows; i++) {
            targets[i] = random.nextInt(vocabulary);
            double sum = 0;
            for (int j = 0; j < vocabulary; j++) {
                sum += Math.exp(logits[i * vocabulary + j]);
            }
            expected[i] = Math.log(sum) - logits[i * vocabulary + targets[i]];
        }
        try (Matrix matrix = matrix(rows, vocabulary, logits, DType.F32);
                Matrix losses = backend.allocate(rows, 1, DType.F64)) {
            backend.negativeLogLikelihood(matrix, targets, losses);
            return new Check("log-likelihood", deviation(expected, backend.readDoubles(losses)), SINGLE);
        }
    }

    private Check check(String verb, double[] expected, Matrix found, double allowance) {
        return new Check(verb, deviation(expected, doubles(found)), allowance);
    }

    private double[] doubles(Matrix found) {
        if (found.dtype() == DType.F64) {
            return backend.readDoubles(found);
        }
        float[] single = backend.readFloats(found);
        double[] values = new double[single.length];
        for (int i = 0; i < single.length; i++) {
            values[i] = single[i];
        }
        return values;
    }

    private static double deviation(double[] expected, double[] found) {
        double largest = 0;
        double worst = 0;
        for (int i = 0; i < expected.length; i++) {
            largest = Math.max(largest, Math.abs(expected[i]));
            worst = Math.max(worst, Math.abs(expected[i] - found[i]));
        }
        return worst / largest;
    }

    private Matrix matrix(int rows, int cols, double[] values, DType type) {
        Matrix matrix = backend.allocate(rows, cols, type);
        if (type == DType.F64) {
            backend.write(matrix, values);
        } else {
            float[] single = new float[values.length];
            for (int i = 0; i < single.length; i++) {
                single[i] = (float) values[i];
            }
            backend.write(matrix, single);
        }
        return matrix;
    }

    /** In [-1, 1), exact as singles, so that both precisions see the same problem. */
    private double[] values(int count) {
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextInt(1 << 20) / (double) (1 << 19) - 1;
        }
        return values;
    }

    private double[] symmetric(int n) {
        double[] a = values(n * n);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < i; j++) {
                a[i * n + j] = a[j * n + i];
            }
        }
        return a;
    }
}
