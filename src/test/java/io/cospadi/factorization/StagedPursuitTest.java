package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.TestBackends;
import io.cospadi.tensor.DType;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** Staged pursuit beside the exact one, beside loops in f64, and along its stages; on the CPU and on emulated CUDA. */
@ParameterizedClass
@EnumSource
class StagedPursuitTest {
    enum On {
        CPU(() -> new CpuBackend(1)),
        CUDA(TestBackends::emulated);

        final Supplier<Backend> open;

        On(Supplier<Backend> open) {
            this.open = open;
        }
    }

    private static final int D2 = 13;
    private static final int K = 37;
    private static final int R = 29;

    @Parameter
    On on;

    private final Random random = new Random(7);
    private final double[][] y = singles(Plain.gaussian(D2, R, random));
    private final double[][] d = singles(unitRows(Plain.gaussian(K, R, random)));
    private final double[][] gram = singles(Plain.product(d, Plain.transpose(d)));
    private final double[][] b = singles(Plain.product(y, Plain.transpose(d)));
    private Backend backend;
    private Effort effort;

    @BeforeEach
    void open() {
        backend = on.open.get();
        effort = new Effort(backend);
    }

    @AfterEach
    void nothingIsLeftAllocated() {
        assertEquals(0, backend.allocatedBytes());
        backend.close();
    }

    @Test
    void oneAtomAStageAndEnoughStepsAreOrthogonalMatchingPursuit() {
        int s = 9;
        double[][] exact = exact(s);
        double[][] staged = staged(s, s, 2 * s, 10);
        for (int i = 0; i < D2; i++) {
            for (int j = 0; j < K; j++) {
                assertEquals(exact[i][j] != 0, staged[i][j] != 0, "row " + i + ", atom " + j);
                assertEquals(exact[i][j], staged[i][j], 1e-4, "row " + i + ", atom " + j);
            }
        }
    }

    @Test
    void stagesFollowTheirLoops() {
        for (int[] c : new int[][] {{1, 1, 1}, {7, 3, 2}, {12, 4, 3}, {12, 12, 1}, {K, 5, 3}}) {
            double[][] expected = plain(c[0], c[1], c[2], 4);
            double[][] found = staged(c[0], c[1], c[2], 4);
            for (int i = 0; i < D2; i++) {
                for (int j = 0; j < K; j++) {
                    assertEquals(expected[i][j] != 0, found[i][j] != 0, "s " + c[0] + ", row " + i + ", atom " + j);
                    // conjugate gradients in f32 on Grams of condition some hundreds
                    assertEquals(expected[i][j], found[i][j], 2e-3, "s " + c[0] + ", row " + i + ", atom " + j);
                }
            }
        }
    }

    @Test
    void everyRowHasItsNonzerosAndMoreStagesNeverRaiseTheError() {
        double last = Plain.dot(y, y);
        for (int s = 1; s <= 12; s++) {
            double[][] codes = staged(s, s, 3, 0); // its first s - 1 stages are those of s - 1
            for (double[] row : codes) {
                assertEquals(s, java.util.Arrays.stream(row).filter(v -> v != 0).count());
            }
            double error = error(codes);
            assertTrue(error < last, "s " + s + ": " + error + " after " + last);
            last = error;
        }
    }

    @Test
    void fewStagesComeNearTheExactPursuit() {
        int s = 12;
        double ratio = error(staged(s, 6, 3, 10)) / error(exact(s));
        assertTrue(ratio < 1.25, "times the exact pursuit's error: " + ratio);
    }

    @Test
    void equalRunsGiveEqualBits() {
        assertArrayEquals(staged(8, 4, 3, 10), staged(8, 4, 3, 10));
    }

    @Test
    void signalOfNothingGetsNoCodes() {
        b[3] = new double[K];
        assertArrayEquals(new double[K], staged(8, 4, 3, 10)[3]);
    }

    private double[][] staged(int s, int stages, int steps, int finalSteps) {
        try (Matrix m = upload(gram);
                Matrix correlations = upload(b);
                Matrix codes = backend.allocate(D2, K, DType.F32)) {
            new StagedPursuit(backend, effort, stages, steps, finalSteps).code(m, correlations, s, codes);
            return Plain.matrix(D2, K, backend.readFloats(codes));
        }
    }

    private double[][] exact(int s) {
        try (Matrix m = upload(gram);
                Matrix correlations = upload(b);
                Matrix codes = backend.allocate(D2, K, DType.F32)) {
            backend.orthogonalMatchingPursuit(m, correlations, s, codes);
            return Plain.matrix(D2, K, backend.readFloats(codes));
        }
    }

    /** A row at a time in f64, from the definition. */
    private double[][] plain(int s, int stages, int steps, int finalSteps) {
        double[][] codes = new double[D2][K];
        for (int row = 0; row < D2; row++) {
            boolean[] support = new boolean[K];
            int chosen = 0;
            for (int t = 1; t <= stages; t++) {
                double[] left = left(codes[row], b[row]);
                for (; chosen < t * s / stages; chosen++) {
                    int best = -1;
                    for (int j = 0; j < K; j++) {
                        if (!support[j] && (best < 0 || Math.abs(left[j]) > Math.abs(left[best]))) {
                            best = j;
                        }
                    }
                    support[best] = true;
                }
                descend(codes[row], b[row], support, steps);
            }
            descend(codes[row], b[row], support, finalSteps);
        }
        return codes;
    }

    private double[] left(double[] c, double[] signal) {
        double[] left = signal.clone();
        for (int i = 0; i < K; i++) {
            for (int j = 0; j < K; j++) {
                left[j] -= c[i] * gram[i][j];
            }
        }
        return left;
    }

    private void descend(double[] c, double[] signal, boolean[] support, int steps) {
        double[] residual = masked(left(c, signal), support);
        double[] direction = residual.clone();
        for (int step = 0; step < steps; step++) {
            double[] image = new double[K];
            for (int i = 0; i < K; i++) {
                for (int j = 0; j < K; j++) {
                    image[j] += direction[i] * gram[i][j];
                }
            }
            image = masked(image, support);
            double before = dot(residual, residual);
            double length = before > 0 ? before / dot(direction, image) : 0;
            for (int j = 0; j < K; j++) {
                c[j] += length * direction[j];
                residual[j] -= length * image[j];
            }
            double turn = before > 0 ? dot(residual, residual) / before : 0;
            for (int j = 0; j < K; j++) {
                direction[j] = residual[j] + turn * direction[j];
            }
        }
    }

    private static double[] masked(double[] values, boolean[] support) {
        for (int j = 0; j < K; j++) {
            values[j] = support[j] ? values[j] : 0;
        }
        return values;
    }

    private static double dot(double[] a, double[] c) {
        return Plain.dot(new double[][] {a}, new double[][] {c});
    }

    private double error(double[][] codes) {
        double[][] lost = Plain.minus(y, Plain.product(codes, d));
        return Plain.dot(lost, lost);
    }

    private Matrix upload(double[][] a) {
        Matrix matrix = backend.allocate(a.length, a[0].length, DType.F32);
        backend.write(matrix, Plain.floats(a));
        return matrix;
    }

    private static double[][] singles(double[][] a) {
        return Plain.matrix(a.length, a[0].length, Plain.floats(a));
    }

    private static double[][] unitRows(double[][] a) {
        for (double[] row : a) {
            double norm = Math.sqrt(dot1(row));
            for (int j = 0; j < row.length; j++) {
                row[j] /= norm;
            }
        }
        return a;
    }

    private static double dot1(double[] row) {
        return Plain.dot(new double[][] {row}, new double[][] {row});
    }
}
