package io.cospadi.benchmark;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.ProductRate;
import io.cospadi.benchmark.Measurement.Bound;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The verbs that a factorisation spends its time in, at one projection's sizes. Each result is checked by what must hold of it
 * before it is timed; matrices are counted once for each time that a verb must read or write them.
 */
public final class SolverKernels {
    /** Tokens of one chunk of a Gram, and rows and atoms of a small pursuit, at most. */
    private static final int TOKENS = 16384;

    private static final int PURSUIT_ROWS = 1024;
    private static final int PURSUIT_ATOMS = 512;

    private final Backend backend;
    private final KernelTimer timer;
    private final Consumer<Measurement> listener;
    private final double memory;
    private final double single;
    private final double real;
    private Map<String, BenchCase> cases = Map.of();

    /**
     * @param repetitions of which the median counts
     * @param listener    told each measurement
     */
    public SolverKernels(Backend backend, int repetitions, Consumer<Measurement> listener) {
        this.backend = backend;
        this.timer = new KernelTimer(backend, repetitions);
        this.listener = listener;
        memory = backend.memoryRate();
        single = ProductRate.of(backend, DType.F32);
        real = ProductRate.of(backend, DType.F64);
    }

    /** Measures all of them for W (d2, d1), k atoms and s nonzeros a row. */
    public void run(int d1, int d2, int k, int s) {
        cases = cases(d1, d2, k, s).stream().collect(Collectors.toMap(BenchCase::kernel, Function.identity()));
        products(d1, d2, k, s);
        gram(tokens(d1), d1);
        cholesky(d1);
        eigen(d1);
        pursuit(pursuitRows(d2), pursuitAtoms(k));
    }

    /** What {@link #run} measures, in its order. */
    public static List<BenchCase> cases(int d1, int d2, int k, int s) {
        String kept = d2 + " x " + k + ", s " + s;
        double entries = (double) d2 * k;
        long operands = 4L * k * (d1 + k + 3L * d2);
        int tokens = tokens(d1);
        double square = (double) d1 * d1;
        long factored = 16L * d1 * d1;
        int rows = pursuitRows(d2);
        int atoms = pursuitAtoms(k);
        int few = pursuitSparsity(atoms);
        return List.of(
                new BenchCase(
                        "symmetric product", "", k + " x " + d1, 4.0 * k * (d1 + k), (k + 1.0) * k * d1, operands),
                new BenchCase(
                        "product", "", d2 + " x " + k + " x " + k, 4.0 * k * (2.0 * d2 + k), 2 * entries * k, operands),
                new BenchCase("copy, keep largest", "", kept, 16 * entries, 0, operands),
                new BenchCase("threshold step", "", kept, 20 * entries, 6 * entries, operands),
                new BenchCase(
                        "add Gram",
                        "",
                        tokens + " x " + d1,
                        4.0 * tokens * d1 + 16 * square,
                        (d1 + 1.0) * d1 * tokens,
                        4L * tokens * d1 + factored / 2),
                new BenchCase("copy, Cholesky", "", String.valueOf(d1), 24 * square, square * d1 / 3, factored),
                // 4/3 n³ to reduce to three diagonals, 8/3 n³ at most to divide and conquer, 2 n³ to transform back
                new BenchCase("copy, eigenvectors", "", String.valueOf(d1), 24 * square, 6 * square * d1, factored),
                new BenchCase(
                        "matching pursuit",
                        "",
                        rows + " x " + atoms + ", s " + few,
                        8.0 * rows * atoms + 4.0 * atoms * atoms,
                        rows * ((double) atoms * few * few + (double) few * few * few),
                        4L * atoms * (3L * atoms + 2L * rows)));
    }

    private static int tokens(int d1) {
        return Math.min(TOKENS, 8 * d1);
    }

    private static int pursuitRows(int d2) {
        return Math.min(d2, PURSUIT_ROWS);
    }

    private static int pursuitAtoms(int k) {
        return Math.min(k, PURSUIT_ATOMS);
    }

    private static int pursuitSparsity(int k) {
        return Math.max(1, k / 8);
    }

    /** {@code C M} of every round, {@code D Dᵀ}, and the two verbs that choose the support. */
    private void products(int d1, int d2, int k, int s) {
        try (Matrix dictionary = random(k, d1, DType.F32);
                Matrix atoms = backend.allocate(k, k, DType.F32);
                Matrix residual = random(d2, k, DType.F32);
                Matrix gradient = random(d2, k, DType.F32);
                Matrix codes = backend.allocate(d2, k, DType.F32)) {
            backend.symmetricProduct(dictionary, false, atoms);
            near("trace of D Dᵀ", backend.dot(dictionary, dictionary), trace(atoms), 1e-5);
            arithmetic("symmetric product", DType.F32, i -> backend.symmetricProduct(dictionary, false, atoms));
            backend.gemm(1, gradient, false, atoms, false, 0, codes);
            checkFirstRow(gradient, atoms, codes);
            arithmetic("product", DType.F32, i -> backend.gemm(1, gradient, false, atoms, false, 0, codes));

            backend.copy(residual, codes);
            backend.keepLargest(codes, s);
            keeps(codes, s);
            memory("copy, keep largest", i -> {
                backend.copy(residual, codes);
                backend.keepLargest(codes, s);
            });
            backend.hardThresholdStep(codes, residual, gradient, residual, s);
            keeps(codes, s);
            memory("threshold step", i -> backend.hardThresholdStep(codes, residual, gradient, residual, s));
        }
    }

    private void gram(int tokens, int d1) {
        try (Matrix x = random(tokens, d1, DType.F32);
                Matrix gram = backend.allocate(d1, d1, DType.F64)) {
            backend.addGram(x, gram);
            DType precision = backend.gramPrecision();
            near("trace of the Gram", backend.dot(x, x), trace(gram), precision == DType.F64 ? 1e-9 : 1e-5);
            arithmetic("add Gram", precision, i -> backend.addGram(x, gram));
        }
    }

    private void cholesky(int n) {
        try (Matrix matrix = positive(n);
                Matrix factor = backend.allocate(n, n, DType.F64)) {
            IntConsumer factorize = i -> {
                backend.copy(matrix, factor);
                if (!backend.cholesky(factor)) {
                    throw new CospadiException("a positive definite matrix has no Cholesky factor; nothing is timed");
                }
            };
            factorize.accept(0);
            near("squares of the Cholesky factor", trace(matrix), backend.dot(factor, factor), 1e-9);
            arithmetic("copy, Cholesky", DType.F64, factorize);
        }
    }

    private void eigen(int n) {
        try (Matrix matrix = positive(n);
                Matrix vectors = backend.allocate(n, n, DType.F64)) {
            double[][] values = new double[1][];
            IntConsumer decompose = i -> {
                backend.copy(matrix, vectors);
                values[0] = backend.eigenSymmetric(vectors);
            };
            decompose.accept(0);
            near(
                    "sum of eigenvalues",
                    trace(matrix),
                    IntStream.range(0, n).mapToDouble(i -> values[0][i]).sum(),
                    1e-9);
            arithmetic("copy, eigenvectors", DType.F64, decompose);
        }
    }

    private void pursuit(int rows, int k) {
        int s = pursuitSparsity(k);
        try (Matrix dictionary = random(k, 2 * k, DType.F32);
                Matrix norms = backend.allocate(1, k, DType.F32);
                Matrix gram = backend.allocate(k, k, DType.F32);
                Matrix correlations = random(rows, k, DType.F32);
                Matrix codes = backend.allocate(rows, k, DType.F32)) {
            backend.rowDots(dictionary, dictionary, norms);
            backend.power(norms, -0.5, norms);
            backend.scaleRows(dictionary, norms);
            backend.symmetricProduct(dictionary, false, gram);
            backend.orthogonalMatchingPursuit(gram, correlations, s, codes);
            keeps(codes, s);
            arithmetic(
                    "matching pursuit",
                    DType.F32,
                    i -> backend.orthogonalMatchingPursuit(gram, correlations, s, codes));
        }
    }

    private void arithmetic(String kernel, DType type, IntConsumer verb) {
        tell(kernel, type, Bound.ARITHMETIC, type == DType.F64 ? real : single, verb);
    }

    private void memory(String kernel, IntConsumer verb) {
        tell(kernel, DType.F32, Bound.MEMORY, memory, verb);
    }

    private void tell(String kernel, DType type, Bound bound, double roof, IntConsumer verb) {
        BenchCase is = cases.get(kernel);
        listener.accept(new Measurement(
                kernel,
                is.on(),
                is.shape(),
                ProjectionKernels.name(type),
                is.bytes(),
                is.flops(),
                bound,
                timer.direct(verb),
                roof,
                OptionalDouble.empty(),
                OptionalDouble.empty()));
    }

    private Matrix random(int rows, int cols, DType type) {
        float[] values = new float[Math.multiplyExact(rows, cols)];
        IntStream.range(0, rows).parallel().forEach(i -> {
            SplittableRandom random = new SplittableRandom(i);
            for (int j = i * cols; j < (i + 1) * cols; j++) {
                values[j] = (float) (random.nextDouble() - 0.5);
            }
        });
        Matrix matrix = backend.allocate(rows, cols, type);
        backend.write(matrix, values);
        return matrix;
    }

    /** The Gram of twice as many random tokens as features. */
    private Matrix positive(int n) {
        Matrix matrix = backend.allocate(n, n, DType.F64);
        try (Matrix x = random(2 * n, n, DType.F32)) {
            backend.addGram(x, matrix);
        }
        return matrix;
    }

    private double trace(Matrix square) {
        try (Matrix diagonal = backend.allocate(1, square.rows(), square.dtype());
                Matrix ones = backend.allocate(1, square.rows(), square.dtype())) {
            backend.diagonal(square, diagonal);
            backend.fill(ones, 1);
            return backend.dot(diagonal, ones);
        }
    }

    private void checkFirstRow(Matrix a, Matrix b, Matrix product) {
        float[] row = backend.readFloats(a.rows(0, 1));
        float[] found = backend.readFloats(product.rows(0, 1));
        double[] expected = new double[found.length];
        for (int p = 0; p < row.length; p++) {
            float[] other = backend.readFloats(b.rows(p, 1));
            for (int j = 0; j < expected.length; j++) {
                expected[j] += (double) row[p] * other[j];
            }
        }
        for (int j = 0; j < expected.length; j++) {
            near("product's element (0, " + j + ")", expected[j], found[j], 1e-4, norm(expected));
        }
    }

    private static double norm(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value * value;
        }
        return Math.sqrt(sum);
    }

    /** The first and the last row hold exactly s nonzeros. */
    private void keeps(Matrix codes, int s) {
        for (int i : new int[] {0, codes.rows() - 1}) {
            int nonzeros = 0;
            for (float value : backend.readFloats(codes.rows(i, 1))) {
                nonzeros += value != 0 ? 1 : 0;
            }
            if (nonzeros != s) {
                throw new CospadiException(
                        "row " + i + " keeps " + nonzeros + " codes, not " + s + "; nothing is timed");
            }
        }
    }

    private static void near(String what, double expected, double actual, double allowance) {
        near(what, expected, actual, allowance, Math.abs(expected));
    }

    private static void near(String what, double expected, double actual, double allowance, double scale) {
        if (!(Math.abs(expected - actual) <= allowance * scale)) {
            throw new CospadiException(what + " is " + actual + ", not " + expected + "; nothing is timed");
        }
    }
}
