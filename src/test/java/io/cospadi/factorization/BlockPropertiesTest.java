package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** The default solver on whatever shape, rank and scale comes along. */
class BlockPropertiesTest {
    private static final SolverSettings BLOCK =
            SolverSettings.defaults(Method.COSPADI, Solver.BLOCK).withRounds(12);

    @Property(tries = 40)
    void anyProblemGivesFactorsWithTheErrorTheyStateAndLeavesNothingAllocated(
            @ForAll @IntRange(min = 1, max = 24) int d1,
            @ForAll @IntRange(min = 1, max = 24) int d2,
            @ForAll @IntRange(min = 1, max = 40) int tokens,
            @ForAll @IntRange(min = 1, max = 30) int k,
            @ForAll @DoubleRange(min = 0.05, max = 1) double share,
            @ForAll @DoubleRange(min = 1, max = 1000) double spread,
            @ForAll long seed) {
        int s = Math.max(1, (int) (share * k));
        Backend backend = new CpuBackend(1);
        try (backend) {
            try (Problems p = Problems.random(backend, d1, d2, tokens, spread, seed)) {
                Factorization result = Factorizer.of(BLOCK).factorize(backend, p.problem, k, s, RoundListener.NONE);
                assertEquals(new FactorShape(d1, d2, k, s), ((SparseFactors) result.factors()).shape());
                double expected = p.error(result.factors());
                assertEquals(expected, result.relativeError(), 1e-9 + 1e-7 * expected);
                assertTrue(expected < 1.01, "worse than nothing: " + expected);
                assertTrue(result.atomsReplaced() >= 0);
                for (double error : result.errorByRound()) {
                    assertTrue(error >= 0 && Double.isFinite(error), "a round's error is " + error);
                }
            }
            assertEquals(0, backend.allocatedBytes());
        }
    }

    @Property(tries = 8)
    void scaleOfWeightAndGramChangesNothingButTheFactorsScale(
            @ForAll @IntRange(min = -20, max = 20) int weightExponent,
            @ForAll @IntRange(min = -20, max = 20) int gramExponent) {
        try (Backend backend = new CpuBackend(1);
                Problems p = Problems.random(backend, 16, 24, 60, 3, 31)) {
            double[][] w = scaled(p.w, Math.scalb(1.0, weightExponent));
            double[][] gram = scaled(p.gram, Math.scalb(1.0, gramExponent));
            try (Problems q = Problems.of(backend, w, gram)) {
                Factorization a = Factorizer.of(BLOCK).factorize(backend, p.problem, 10, 5, RoundListener.NONE);
                Factorization b = Factorizer.of(BLOCK).factorize(backend, q.problem, 10, 5, RoundListener.NONE);
                assertEquals(a.relativeError(), b.relativeError(), 1e-3 * a.relativeError() + 1e-6);
            }
        }
    }

    @Test
    void atomsBeyondTheRankAreUsedOrReplacedAndCounted() {
        try (Backend backend = new CpuBackend(1);
                Problems p = Problems.random(backend, 6, 200, 50, 1, 32)) {
            Factorization result =
                    Factorizer.of(BLOCK.withRounds(40)).factorize(backend, p.problem, 40, 3, RoundListener.NONE);
            SparseFactors factors = (SparseFactors) result.factors();
            boolean[] used = new boolean[40];
            for (int i = 0; i < factors.codes().values().length; i++) {
                used[factors.codes().atoms()[i]] |= factors.codes().values()[i] != 0;
            }
            boolean[] all = new boolean[40];
            Arrays.fill(all, true);
            assertArrayEquals(all, used, result.atomsReplaced() + " replaced");
        }
    }

    private static double[][] scaled(double[][] a, double factor) {
        double[][] b = new double[a.length][a[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[i].length; j++) {
                b[i][j] = a[i][j] * factor;
            }
        }
        return b;
    }
}
