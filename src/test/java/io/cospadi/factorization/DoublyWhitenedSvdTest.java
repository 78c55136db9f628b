package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** KFAC-SVD's and Zero-Sum SVD's numbers against Jacobi rotations and substitution in plain doubles. */
class DoublyWhitenedSvdTest {
    static final double SHARE = 0.3;

    private final Backend backend = new CpuBackend(1);

    @AfterEach
    void nothingIsLeftAllocated() {
        assertEquals(0, backend.allocatedBytes());
        backend.close();
    }

    private Matrix upload(double[][] a) {
        Matrix matrix = backend.allocate(a.length, a[0].length, DType.F64);
        backend.write(matrix, Plain.flat(a));
        return matrix;
    }

    /** Second moment of a few correlated gradients whose features differ by two decades. */
    static double[][] covariance(int d2, int tokens, long seed) {
        Random random = new Random(seed);
        double[][] g = Plain.product(Plain.gaussian(tokens, d2, random), Plain.gaussian(d2, d2, random));
        for (double[] row : g) {
            for (int j = 0; j < d2; j++) {
                row[j] *= 1e-3 * Math.pow(100, j / (double) d2);
            }
        }
        return Plain.product(Plain.transpose(g), g);
    }

    static double[][] shrunk(double[][] h) {
        double mean = 0;
        for (int j = 0; j < h.length; j++) {
            mean += h[j][j] / h.length;
        }
        double[][] shrunk = new double[h.length][h.length];
        for (int i = 0; i < h.length; i++) {
            for (int j = 0; j < h.length; j++) {
                shrunk[i][j] = (1 - SHARE) * h[i][j] + (i == j ? SHARE * mean : 0);
            }
        }
        return shrunk;
    }

    private Factorization factorize(Method method, Problem problem, int rank) {
        return Factorizer.of(SolverSettings.defaults(method, Solver.BLOCK))
                .factorize(backend, problem, rank, 0, RoundListener.NONE);
    }

    /** tr(H Δ G Δᵀ). */
    static double cost(Problems p, double[][] h, Factors factors) {
        double[][] lost = Plain.minus(p.w, Problems.dense(factors));
        return Plain.dot(Plain.product(h, lost), Plain.product(lost, p.gram));
    }

    /** Eckart and Young: what the best factors of a rank cost is the sum of the squared singular values beyond it. */
    @ParameterizedTest
    @CsvSource({"12, 20, 5", "20, 12, 5", "16, 16, 1", "24, 10, 9"})
    void kfacSvdReachesTheLeastCostThatARankAllows(int d1, int d2, int rank) {
        double[][] h = covariance(d2, 3 * d2, 50 + d1);
        double[][] weights = shrunk(h);
        try (Problems p = Problems.random(backend, d1, d2, 100, 5, d1);
                Matrix covariance = upload(h);
                OutputWeights outputs = OutputWeights.full(backend, covariance, SHARE)) {
            Problem problem = new Problem("test", p.problem.weight(), p.problem.gram(), outputs);
            double[][] c = cholesky(weights);
            double[][] y = Plain.product(Plain.transpose(c), Plain.product(p.w, cholesky(p.gram)));
            double[] squares = eigen(Plain.product(Plain.transpose(y), y), new double[d1][]);
            double least = 0;
            double energy = 0;
            for (int i = 0; i < d1; i++) {
                energy += squares[i];
                least += i >= rank ? squares[i] : 0;
            }
            Factorization found = factorize(Method.KFAC_SVD, problem, rank);
            double cost = cost(p, weights, found.factors());
            // factors are rounded to bf16: 2^-9 of each, squared, of all energy
            assertTrue(cost >= least * (1 - 1e-5), cost + " below the optimum " + least);
            assertTrue(cost <= least * 1.01 + 4e-5 * energy, cost + " above the optimum " + least + " of " + energy);
            assertEquals(p.error(found.factors()), found.relativeError(), 1e-9);
            assertTrue(
                    cost
                            < cost(
                                    p,
                                    weights,
                                    factorize(Method.SVD_LLM, p.problem, rank).factors()),
                    "whitening by G alone costs more");
            try (TrialFit trial =
                    new TrialFit(backend, problem, SolverSettings.defaults(Method.KFAC_SVD, Solver.BLOCK))) {
                assertEquals(least, trial.lost(rank, 0).objective(), 1e-4 * energy);
            }
        }
    }

    @Test
    void aFullCovarianceThatIsDiagonalEqualsDiagonalWeights() {
        double[] h = new Random(3).doubles(20).map(u -> Math.pow(10, 3 * u)).toArray();
        double[][] full = new double[20][20];
        for (int j = 0; j < 20; j++) {
            full[j][j] = h[j];
        }
        try (Problems p = Problems.random(backend, 14, 20, 100, 5, 2);
                Matrix covariance = upload(full);
                OutputWeights outputs = OutputWeights.full(backend, covariance, SHARE)) {
            Problem one = new Problem("test", p.problem.weight(), p.problem.gram(), outputs);
            Problem other = new Problem("test", p.problem.weight(), p.problem.gram(), OutputWeights.shrunk(h, SHARE));
            LowRankFactors a =
                    (LowRankFactors) factorize(Method.KFAC_SVD, one, 6).factors();
            LowRankFactors b =
                    (LowRankFactors) factorize(Method.KFAC_SVD, other, 6).factors();
            double[] left = Plain.flat(Problems.dense(a));
            double largest = 0;
            for (double value : left) {
                largest = Math.max(largest, Math.abs(value));
            }
            assertArrayEquals(left, Plain.flat(Problems.dense(b)), 0.01 * largest);
        }
    }

    @Test
    void otherSparseMethodsRefuseAFullCovarianceAndADegenerateOneIsNamed() {
        try (Problems p = Problems.random(backend, 8, 10, 50, 2, 4);
                Matrix covariance = upload(covariance(10, 30, 1));
                Matrix nothing = upload(new double[10][10]);
                OutputWeights outputs = OutputWeights.full(backend, covariance, SHARE)) {
            Problem problem = new Problem("test", p.problem.weight(), p.problem.gram(), outputs);
            for (SolverSettings settings : new SolverSettings[] {
                SolverSettings.defaults(Method.COSPADI, Solver.MOD),
                SolverSettings.defaults(Method.COMPOT, Solver.BLOCK)
            }) {
                String message = assertThrows(IllegalArgumentException.class, () -> Factorizer.of(settings)
                                .factorize(backend, problem, 4, 2, RoundListener.NONE))
                        .getMessage();
                assertTrue(message.contains("low-rank methods and the block solver alone"), message);
            }
            String message = assertThrows(CospadiException.class, () -> OutputWeights.full(backend, nothing, SHARE))
                    .getMessage();
            assertTrue(message.contains("not positive definite"), message);
        }
    }

    @ParameterizedTest
    @CsvSource({"12, 20", "20, 12"})
    void componentLossesAreTheGradientAlongEachComponent(int d1, int d2) {
        double[][] gradient = Plain.gaussian(d2, d1, new Random(9));
        try (Problems p = Problems.random(backend, d1, d2, 100, 5, 6);
                Matrix uploaded = upload(gradient)) {
            double[][] l = cholesky(p.gram);
            double[][] y = Plain.product(p.w, l);
            double[][] axes = new double[d1][];
            eigen(Plain.product(Plain.transpose(y), y), axes);
            double[] found = ComponentLosses.of(backend, p.problem, uploaded);
            assertEquals(Math.min(d1, d2), found.length);
            double largest = 0;
            for (int i = 0; i < found.length; i++) {
                double[][] axis = {axes[i]};
                double[][] up = Plain.product(y, Plain.transpose(axis));
                double[][] down = {solveFromTheRight(axes[i], l)};
                double expected = -Plain.dot(gradient, Plain.product(up, down));
                largest = Math.max(largest, Math.abs(expected));
                // weak axes are known to f32 of the strong ones
                assertEquals(expected, found[i], 1e-3 * largest, "component " + i);
            }
        }
    }

    /** Row x with x L = row. */
    private static double[] solveFromTheRight(double[] row, double[][] l) {
        double[] x = row.clone();
        for (int j = x.length - 1; j >= 0; j--) {
            for (int i = j + 1; i < x.length; i++) {
                x[j] -= x[i] * l[i][j];
            }
            x[j] /= l[j][j];
        }
        return x;
    }

    private static double[][] cholesky(double[][] a) {
        int n = a.length;
        double[][] l = new double[n][n];
        for (int j = 0; j < n; j++) {
            for (int i = j; i < n; i++) {
                double sum = a[i][j];
                for (int m = 0; m < j; m++) {
                    sum -= l[i][m] * l[j][m];
                }
                l[i][j] = i == j ? Math.sqrt(sum) : sum / l[j][j];
            }
        }
        return l;
    }

    /** Eigenvalues of a symmetric matrix, descending, by Jacobi rotations; {@code vectors} receives the eigenvectors as rows. */
    private static double[] eigen(double[][] a, double[][] vectors) {
        int n = a.length;
        double[][] v = new double[n][n];
        for (int i = 0; i < n; i++) {
            v[i][i] = 1;
        }
        for (int sweep = 0; sweep < 30; sweep++) {
            for (int p = 0; p < n; p++) {
                for (int q = p + 1; q < n; q++) {
                    double angle = 0.5 * Math.atan2(2 * a[p][q], a[q][q] - a[p][p]);
                    rotate(a, v, p, q, Math.cos(angle), Math.sin(angle));
                }
            }
        }
        Integer[] order = new Integer[n];
        for (int i = 0; i < n; i++) {
            order[i] = i;
        }
        java.util.Arrays.sort(order, (i, j) -> Double.compare(a[j][j], a[i][i]));
        double[] values = new double[n];
        for (int i = 0; i < n; i++) {
            values[i] = a[order[i]][order[i]];
            vectors[i] = v[order[i]];
        }
        return values;
    }

    private static void rotate(double[][] a, double[][] v, int p, int q, double c, double s) {
        for (int i = 0; i < a.length; i++) {
            double x = a[i][p];
            double y = a[i][q];
            a[i][p] = c * x - s * y;
            a[i][q] = s * x + c * y;
        }
        for (int i = 0; i < a.length; i++) {
            double x = a[p][i];
            double y = a[q][i];
            a[p][i] = c * x - s * y;
            a[q][i] = s * x + c * y;
            double r = v[p][i];
            double t = v[q][i];
            v[p][i] = c * r - s * t;
            v[q][i] = s * r + c * t;
        }
    }
}
