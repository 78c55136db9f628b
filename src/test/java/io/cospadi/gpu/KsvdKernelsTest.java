package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.CospadiException;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** An atom's update against the same iterations in f64, with the residual restored as a matrix of its own. */
class KsvdKernelsTest extends AbstractKernelTest {
    private int mostShared = LaunchGeometry.MOST_SHARED_BYTES;
    private static final int K = 3;
    private static final int ATOM = 1;

    /** Residual, dictionary and codes, every second row of which uses the atom, up to {@code count} of them. */
    private final class Problem {
        final int cols;
        final int[] users;
        final float[] residual;
        final float[] dictionary;
        final float[] codes;

        Problem(int count, int cols) {
            this.cols = cols;
            users = new int[count];
            Arrays.setAll(users, i -> 2 * i + 1);
            int rows = 2 * count + 1;
            residual = normal(rows * cols);
            dictionary = normal(K * cols);
            codes = normal(rows * K);
            for (int i = 0; i < rows; i++) {
                // large enough for the atom in hand to be some part of the best fit
                codes[i * K + ATOM] = i % 2 == 1 ? 4 * codes[i * K + ATOM] : 0;
            }
            double norm = 0;
            for (int j = 0; j < cols; j++) {
                norm += Math.pow(dictionary[ATOM * cols + j], 2);
            }
            for (int j = 0; j < cols; j++) {
                dictionary[ATOM * cols + j] *= (float) (Math.sqrt(cols) / Math.sqrt(norm));
            }
        }
    }

    private record Updated(double[] residual, double[] dictionary, double[] codes) {}

    /** From the definition. */
    private static Updated plain(Problem problem, int iterations) {
        int cols = problem.cols;
        int n = problem.users.length;
        double[] residual = widened(problem.residual);
        double[] dictionary = widened(problem.dictionary);
        double[] codes = widened(problem.codes);
        double[][] f = new double[n][cols];
        double[] u = Arrays.copyOfRange(dictionary, ATOM * cols, (ATOM + 1) * cols);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < cols; j++) {
                f[i][j] = residual[problem.users[i] * cols + j] + codes[problem.users[i] * K + ATOM] * u[j];
            }
        }
        for (int t = 0; t < iterations; t++) {
            double[] w = new double[cols];
            double norm = 0;
            for (int i = 0; i < n; i++) {
                double v = dot(f[i], u);
                for (int j = 0; j < cols; j++) {
                    w[j] += v * f[i][j];
                }
            }
            for (double each : w) {
                norm += each * each;
            }
            for (int j = 0; j < cols; j++) {
                u[j] = norm > 0 ? w[j] / Math.sqrt(norm) : 0;
            }
        }
        System.arraycopy(u, 0, dictionary, ATOM * cols, cols);
        for (int i = 0; i < n; i++) {
            double v = dot(f[i], u);
            codes[problem.users[i] * K + ATOM] = v;
            for (int j = 0; j < cols; j++) {
                residual[problem.users[i] * cols + j] = f[i][j] - v * u[j];
            }
        }
        return new Updated(residual, dictionary, codes);
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int j = 0; j < a.length; j++) {
            sum += a[j] * b[j];
        }
        return sum;
    }

    private Updated run(Problem problem, int iterations, int multiprocessors) {
        return run(problem, ATOM, iterations, multiprocessors);
    }

    private Updated run(Problem problem, int atom, int iterations, int multiprocessors) {
        KsvdKernels kernels = new KsvdKernels(device, multiprocessors, mostShared);
        var residual = device.array(problem.residual);
        var dictionary = device.array(problem.dictionary);
        var codes = device.array(problem.codes);
        kernels.updateAtom(
                residual.address(),
                dictionary.address(),
                codes.address(),
                problem.codes.length / K,
                problem.cols,
                K,
                atom,
                device.array(IntStream.concat(IntStream.of(0, 2), Arrays.stream(problem.users))
                                .toArray())
                        .address(),
                device.array(0L, 2, 2 + problem.users.length, 2 + problem.users.length)
                        .address(),
                iterations,
                device.room((int) kernels.scratchFloats(problem.cols)).address());
        return new Updated(widened(residual.floats()), widened(dictionary.floats()), widened(codes.floats()));
    }

    /** What is not the atom's stays to the bit; the rest is off by some roundings of sums, relative to the largest. */
    private static void assertNear(double[] before, double[] expected, double[] found, double scale, String what) {
        double[] allowance = new double[expected.length];
        Arrays.setAll(allowance, i -> expected[i] == before[i] ? 0 : 100 * ROUNDING * scale);
        assertWithin(allowance, expected, found, what);
    }

    private static double largest(double[] values) {
        return Arrays.stream(values).map(Math::abs).max().orElse(0);
    }

    @ParameterizedTest
    @CsvSource({
        "1,1,1,1",
        "2,3,1,1",
        "3,4,2,1",
        "4,31,3,1",
        "5,255,2,2",
        "9,256,1,1",
        "8,257,3,1",
        "40,64,8,3",
        "70,33,2,40",
        "140,17,2,40",
        "13,1023,2,2",
        "6,1029,2,1",
        "3,8192,1,1",
        "3,8193,2,1",
        "2,14336,1,1",
        "2,16381,1,1",
        "2,16384,1,1",
        "11,20,1,1"
    })
    void atomFollowsItsPowerIterations(int count, int cols, int iterations, int multiprocessors) {
        Problem problem = new Problem(count, cols);
        Updated expected = plain(problem, iterations);
        Updated once = null;
        for (int order = 0; order < (cols > 2000 ? 2 : ORDERS); order++) {
            mostShared = order % 2 == 0 ? LaunchGeometry.MOST_SHARED_BYTES : LaunchGeometry.LEAST_SHARED_BYTES;
            device.close();
            device = new EmulatedDevice(mostShared);
            Updated found = run(problem, iterations, multiprocessors);
            double size = largest(expected.codes);
            assertNear(widened(problem.dictionary), expected.dictionary, found.dictionary, 1, "dictionary");
            assertNear(widened(problem.codes), expected.codes, found.codes, size, "codes");
            assertNear(widened(problem.residual), expected.residual, found.residual, size, "residual");
            once = once == null ? found : once;
            assertArrayEquals(
                    once.residual,
                    found.residual,
                    "the result depends on the order of threads, or on what a block shares");
            assertArrayEquals(
                    once.dictionary,
                    found.dictionary,
                    "the result depends on the order of threads, or on what a block shares");
        }
    }

    @Test
    void atomThatNoRowUsesStays() {
        Problem problem = new Problem(9, 33);
        Updated found = run(problem, ATOM + 1, 3, 2);
        assertArrayEquals(widened(problem.dictionary), found.dictionary);
        assertArrayEquals(widened(problem.codes), found.codes);
        assertArrayEquals(widened(problem.residual), found.residual);
    }

    /** E = -c dᵀ: nothing is left for the atom, and nothing is divided by its length. */
    @Test
    void atomOfNothingBecomesZero() {
        Problem problem = new Problem(5, 40);
        Arrays.fill(problem.dictionary, ATOM * 40, (ATOM + 1) * 40, 0);
        problem.dictionary[ATOM * 40 + 7] = 1;
        for (int user : problem.users) {
            Arrays.fill(problem.residual, user * 40, (user + 1) * 40, 0);
            problem.residual[user * 40 + 7] = -problem.codes[user * K + ATOM];
        }
        Updated found = run(problem, 2, 1);
        assertArrayEquals(new double[40], Arrays.copyOfRange(found.dictionary, ATOM * 40, (ATOM + 1) * 40));
        for (int user : problem.users) {
            assertArrayEquals(new double[40], Arrays.copyOfRange(found.residual, user * 40, (user + 1) * 40));
            assertArrayEquals(new double[] {0}, new double[] {found.codes[user * K + ATOM]});
        }
    }

    @Test
    void rowsThatNoBlockHoldsAreRefused() {
        assertThrows(CospadiException.class, () -> new KsvdKernels(device, 1, mostShared)
                .updateAtom(0, 0, 0, 1, KsvdKernels.MOST_COLUMNS + 1, K, 0, 0, 0, 1, 0));
    }
}
