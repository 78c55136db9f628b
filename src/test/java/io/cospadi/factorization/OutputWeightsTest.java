package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class OutputWeightsTest {
    private static final int K = 16;
    private static final int S = 8;

    private final Backend backend = new CpuBackend(1);

    @AfterEach
    void nothingIsLeftAllocated() {
        assertEquals(0, backend.allocatedBytes());
        backend.close();
    }

    static Stream<SolverSettings> all() {
        return Stream.concat(
                Stream.of(Solver.values()).map(solver -> SolverSettings.defaults(Method.COSPADI, solver)
                        .withRounds(solver == Solver.BLOCK ? 30 : 6)),
                Stream.of(Method.COMPOT, Method.SVD_LLM).map(method -> SolverSettings.defaults(method, Solver.BLOCK)));
    }

    private Factors factorize(SolverSettings settings, Problem problem) {
        int k = settings.method().lowRank() ? 9 : K;
        int s = settings.method().lowRank() ? 0 : S;
        return Factorizer.of(settings)
                .factorize(backend, problem, k, s, RoundListener.NONE)
                .factors();
    }

    private static Problem weighted(Problem problem, double[] h) {
        return new Problem(problem.name(), problem.weight(), problem.gram(), OutputWeights.diagonal(h));
    }

    /** tr(H Δ G Δᵀ) / tr(H W G Wᵀ) by plain loops. */
    private static double error(Problems p, Factors factors, double[] h) {
        double[][] scaled = p.w.clone();
        double[][] lost = Plain.minus(p.w, Problems.dense(factors));
        for (int j = 0; j < h.length; j++) {
            double root = Math.sqrt(h[j]);
            scaled[j] = Arrays.stream(p.w[j]).map(w -> root * w).toArray();
            lost[j] = Arrays.stream(lost[j]).map(w -> root * w).toArray();
        }
        return Plain.energy(lost, p.gram) / Plain.energy(scaled, p.gram);
    }

    /** Weights over four decades, as gradients have them. */
    private static double[] weights(int d2, long seed) {
        Random random = new Random(seed);
        return random.doubles(d2).map(u -> 1e-6 * Math.pow(10, 4 * u)).toArray();
    }

    @ParameterizedTest
    @MethodSource("all")
    void weightsOfOneChangeNoByte(SolverSettings settings) {
        double[] ones = new double[48];
        Arrays.fill(ones, 1);
        try (Problems p = Problems.random(backend, 32, 48, 200, 5, 1);
                Problems wide = Problems.random(backend, 64, 48, 200, 5, 1)) {
            for (Problem problem : new Problem[] {p.problem, wide.problem}) {
                Factors plain = factorize(settings, problem);
                Factors weighted = factorize(settings, weighted(problem, ones));
                if (plain instanceof SparseFactors a && weighted instanceof SparseFactors b) {
                    assertArrayEquals(a.dictionary(), b.dictionary());
                    assertArrayEquals(a.codes().atoms(), b.codes().atoms());
                    assertArrayEquals(a.codes().values(), b.codes().values());
                } else {
                    assertArrayEquals(((LowRankFactors) plain).up(), ((LowRankFactors) weighted).up());
                    assertArrayEquals(((LowRankFactors) plain).down(), ((LowRankFactors) weighted).down());
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void weightedErrorIsLowerThanWithoutWeights(SolverSettings settings) {
        double plain = 0;
        double weighted = 0;
        for (int seed = 0; seed < 8; seed++) {
            int d1 = seed % 2 == 0 ? 32 : 64;
            try (Problems p = Problems.random(backend, d1, 48, 200, 5, 20 + seed)) {
                double[] h = weights(48, 40 + seed);
                plain += error(p, factorize(settings, p.problem), h);
                weighted += error(p, factorize(settings, weighted(p.problem, h)), h);
            }
        }
        assertTrue(weighted < plain, weighted + " against " + plain);
    }

    /** Of the stored factors; 2 % and 1e-4 are what rounding them to 14 and 16 bits may cost the better fit. */
    @ParameterizedTest
    @EnumSource(names = {"BLOCK", "KSVD", "MOD"})
    void weightedErrorNeverEndsAboveItsStart(Solver solver) {
        for (int seed = 0; seed < 20; seed++) {
            try (Problems p = Problems.random(backend, 16 + 4 * (seed % 7), 40, 150, 5, 60 + seed)) {
                double[] h = weights(40, 80 + seed);
                double start = stored(solver, p, h, 0);
                for (int rounds : new int[] {1, 3, 12, 30}) {
                    double end = stored(solver, p, h, rounds);
                    assertTrue(end <= start * 1.02 + 1e-4, end + " after " + start);
                }
            }
        }
    }

    private double stored(Solver solver, Problems p, double[] h, int rounds) {
        SolverSettings settings =
                SolverSettings.defaults(Method.COSPADI, solver).withRounds(rounds);
        return error(p, factorize(settings, weighted(p.problem, h)), h);
    }

    /** The relative error that is stated is that of the output, whatever the solver kept small. */
    @ParameterizedTest
    @MethodSource("all")
    void statedErrorKnowsNoWeights(SolverSettings settings) {
        try (Problems p = Problems.random(backend, 32, 48, 200, 5, 3)) {
            int k = settings.method().lowRank() ? 9 : K;
            int s = settings.method().lowRank() ? 0 : S;
            Factorization result = Factorizer.of(settings)
                    .factorize(backend, weighted(p.problem, weights(48, 4)), k, s, RoundListener.NONE);
            double expected = p.error(result.factors());
            assertEquals(expected, result.relativeError(), 1e-9 + 1e-8 * expected);
        }
    }

    @Test
    void weightsThatMeanNothingAreRefused() {
        for (double bad : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            String message = assertThrows(
                            IllegalArgumentException.class, () -> OutputWeights.diagonal(new double[] {1, bad}))
                    .getMessage();
            assertTrue(message.contains("output feature 1 has the weight " + bad), message);
        }
        try (Problems p = Problems.random(backend, 4, 5, 20, 1, 5)) {
            String message = assertThrows(
                            IllegalArgumentException.class, () -> weighted(p.problem, new double[] {1, 1}))
                    .getMessage();
            assertTrue(message.contains("(5, 4) F32 needs a weight for each row, got 2 weights"), message);
        }
    }
}
