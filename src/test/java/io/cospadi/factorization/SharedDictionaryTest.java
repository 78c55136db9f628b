package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The shared dictionary against its normal equations written out in full and eliminated in plain doubles. */
class SharedDictionaryTest {
    private static final int K = 6;
    private static final int N = 5;
    private static final int ROWS = 11;

    private final Backend backend = new CpuBackend(1);
    private final Random random = new Random(5);
    private final List<double[][]> codes = new ArrayList<>();
    private final List<double[][]> targets = new ArrayList<>();
    private final List<double[][]> metrics = new ArrayList<>();

    @AfterEach
    void nothingIsLeftAllocated() {
        assertEquals(0, backend.allocatedBytes());
        backend.close();
    }

    private void problem(int members) {
        for (int l = 0; l < members; l++) {
            double[][] c = Plain.gaussian(ROWS, K, random);
            for (double[] row : c) {
                row[random.nextInt(K)] = 0;
                row[random.nextInt(K)] = 0;
            }
            codes.add(c);
            targets.add(Plain.gaussian(ROWS, N, random));
            double[][] x = Plain.gaussian(2 * N, N, random);
            metrics.add(Plain.product(Plain.transpose(x), x));
        }
    }

    /** D from {@code Σ_l (C_lᵀC_l ⊗ G_l) vec(D) = vec(Σ_l C_lᵀ Y_l G_l)}, D row-major. */
    private double[][] byElimination() {
        int unknowns = K * N;
        double[][] system = new double[unknowns][unknowns + 1];
        for (int l = 0; l < codes.size(); l++) {
            double[][] transposed = Plain.transpose(codes.get(l));
            double[][] usage = Plain.product(transposed, codes.get(l));
            double[][] right = Plain.product(Plain.product(transposed, targets.get(l)), metrics.get(l));
            for (int row = 0; row < unknowns; row++) {
                for (int col = 0; col < unknowns; col++) {
                    system[row][col] += usage[row / N][col / N] * metrics.get(l)[row % N][col % N];
                }
                system[row][unknowns] += right[row / N][row % N];
            }
        }
        for (int i = 0; i < unknowns; i++) { // positive definite: no pivoting
            for (int row = 0; row < unknowns; row++) {
                double factor = row == i ? 0 : system[row][i] / system[i][i];
                for (int col = i; factor != 0 && col <= unknowns; col++) {
                    system[row][col] -= factor * system[i][col];
                }
            }
        }
        double[][] dictionary = new double[K][N];
        for (int i = 0; i < unknowns; i++) {
            dictionary[i / N][i % N] = system[i][unknowns] / system[i][i];
        }
        return dictionary;
    }

    private Matrix upload(double[][] values) {
        Matrix matrix = backend.allocate(values.length, values[0].length, DType.F64);
        backend.write(matrix, Plain.flat(values));
        return matrix;
    }

    private static double[][] stacked(List<double[][]> blocks) {
        return blocks.stream().flatMap(java.util.Arrays::stream).toArray(double[][]::new);
    }

    private record Fit(double[][] dictionary, double residual) {}

    private Fit improve(boolean preconditioned, int steps) {
        double[][] mean = new double[N][N];
        metrics.forEach(metric -> {
            for (int i = 0; i < N * N; i++) {
                mean[i / N][i % N] += metric[i / N][i % N] / metrics.size();
            }
        });
        try (Scratch scratch = new Scratch(backend)) {
            Matrix c = scratch.keep(upload(stacked(codes)));
            Matrix y = scratch.keep(upload(stacked(targets)));
            List<Matrix> grams =
                    metrics.stream().map(g -> scratch.keep(upload(g))).toList();
            Matrix meanFactor = scratch.keep(upload(mean));
            assertTrue(backend.cholesky(meanFactor));
            Matrix factor = scratch.f64(K, K);
            Matrix dictionary = scratch.f64(K, N);
            Effort effort = new Effort(backend);
            LeastSquaresDictionary.solve(backend, effort, c, y, factor, dictionary);
            SharedDictionary shared = preconditioned
                    ? new SharedDictionary(backend, effort, grams, rows -> {
                        Matrix transposed = scratch.f64(N, K);
                        backend.transpose(rows, transposed);
                        backend.solveCholesky(meanFactor, transposed);
                        backend.transpose(transposed, rows);
                    })
                    : new SharedDictionary(backend, effort, grams);
            Matrix left = scratch.f64(1, 1);
            shared.improve(c, y, factor, dictionary, steps, left);
            return new Fit(
                    Plain.matrix(K, N, backend.readDoubles(dictionary)),
                    backend.read(left).value());
        }
    }

    /**
     * Conjugate gradients end after as many steps as there are unknowns; both systems have condition numbers below 1e4, so
     * elimination and gradients each err by less than 1e4 · 30 · 2⁻⁵³ = 3e-11 of the solution, here 1e-9 of its largest entry.
     */
    @ParameterizedTest
    @CsvSource({"1, true", "2, true", "2, false", "3, true", "3, false"})
    void solvesTheNormalEquations(int members, boolean preconditioned) {
        problem(members);
        double[][] expected = byElimination();
        Fit found = improve(preconditioned, K * N + 5);
        double largest = 0;
        for (double value : Plain.flat(expected)) {
            largest = Math.max(largest, Math.abs(value));
        }
        double[] difference = Plain.flat(Plain.minus(found.dictionary(), expected));
        for (int i = 0; i < difference.length; i++) {
            assertEquals(0, difference[i], 1e-9 * largest, "atom " + i / N + ", entry " + i % N);
        }
        assertEquals(0, found.residual(), 1e-9);
    }

    /** Few steps do because the metrics differ from their mean by a bounded factor, whatever the mean's condition. */
    @Test
    void stepsReduceTheResidualWhateverTheMeanMetric() {
        problem(3);
        double[] scales = {1e4, 1e2, 1, 1e-2, 1e-4};
        metrics.replaceAll(metric -> {
            double[][] scaled = new double[N][N];
            for (int i = 0; i < N * N; i++) {
                scaled[i / N][i % N] = metric[i / N][i % N] * scales[i / N] * scales[i % N];
            }
            return scaled;
        });
        double start = improve(true, 0).residual();
        double end = improve(true, 20).residual();
        assertTrue(start > 1e-3, "the fit under the mean is no solution: " + start);
        assertTrue(end < 1e-5 * start, end + " after " + start);
    }
}
