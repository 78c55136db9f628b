package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The block solver under all of H, by costs in plain doubles: tr(H Δ G Δᵀ). */
class OutputCorrelationTest {
    private static final int D2 = 40;
    private static final int K = 16;
    private static final int S = 8;

    private final Backend backend = new CpuBackend(1);

    @AfterEach
    void nothingIsLeftAllocated() {
        assertEquals(0, backend.allocatedBytes());
        backend.close();
    }

    /** A problem, its H as it is counted by, and what the solver is told of it. */
    private final class Case implements AutoCloseable {
        final Problems p;
        final double[][] h;
        final OutputWeights full;

        Case(int d1, long seed) {
            p = Problems.random(backend, d1, D2, 150, 5, seed);
            double[][] covariance = DoublyWhitenedSvdTest.covariance(D2, 2 * D2, 100 + seed);
            h = DoublyWhitenedSvdTest.shrunk(covariance);
            try (Matrix uploaded = backend.allocate(D2, D2, DType.F64)) {
                backend.write(uploaded, Plain.flat(covariance));
                full = OutputWeights.full(backend, uploaded, DoublyWhitenedSvdTest.SHARE);
            }
        }

        double cost(OutputWeights weights, int rounds) {
            SolverSettings settings =
                    SolverSettings.defaults(Method.COSPADI, Solver.BLOCK).withRounds(rounds);
            Factors factors = Factorizer.of(settings)
                    .factorize(backend, p.problem.with(weights), K, S, RoundListener.NONE)
                    .factors();
            return DoublyWhitenedSvdTest.cost(p, h, factors);
        }

        double energy() {
            return Plain.dot(Plain.product(h, p.w), Plain.product(p.w, p.gram));
        }

        @Override
        public void close() {
            full.close();
            p.close();
        }
    }

    @Test
    void allOfHCostsLessThanItsDiagonalAndNeverEndsAboveItsStart() {
        double plain = 0;
        double diagonal = 0;
        double full = 0;
        for (int seed = 0; seed < 10; seed++) {
            try (Case c = new Case(seed % 2 == 0 ? 28 : 56, 300 + seed)) {
                double energy = c.energy();
                plain += c.cost(OutputWeights.equal(), 30) / energy;
                diagonal += c.cost(c.full.separable(backend), 30) / energy;
                double own = c.cost(c.full, 30) / energy;
                full += own;
                double start = c.cost(c.full, 0) / energy;
                assertTrue(own <= start * 1.02 + 1e-4, own + " after " + start);
            }
        }
        assertTrue(diagonal < plain, diagonal + " against " + plain);
        assertTrue(full < diagonal, full + " against " + diagonal);
    }

    @Test
    void correlationIsHWithoutItsDiagonal() {
        try (Case c = new Case(28, 1);
                Scratch scratch = new Scratch(backend)) {
            OutputCorrelation correlation = c.full.correlation(backend, scratch);
            Effort effort = new Effort(backend);
            Matrix rows = scratch.f32(c.p.problem.weight());
            Matrix multiplied = scratch.f32(D2, c.p.problem.d1());
            correlation.multiply(effort, rows, multiplied);
            double[][] k = new double[D2][D2];
            for (int i = 0; i < D2; i++) {
                for (int j = 0; j < D2; j++) {
                    k[i][j] = c.h[i][j] / Math.sqrt(c.h[i][i] * c.h[j][j]);
                }
            }
            double[][] expected = Plain.product(k, c.p.w);
            float[] found = backend.readFloats(multiplied);
            for (int i = 0; i < found.length; i++) {
                assertEquals(Plain.flat(expected)[i], found[i], 1e-4 * Math.sqrt(Plain.dot(expected, expected)));
            }
            double energy = Plain.dot(c.p.w, expected);
            assertEquals(energy, correlation.energy(effort, rows), 1e-4 * energy);
        }
    }

    /** What steers a budget is what factors of that size come to, before they are rounded. */
    @Test
    void trialTellsTheCostUnderAllOfH() {
        try (Case c = new Case(28, 7);
                TrialFit trial = new TrialFit(
                        backend, c.p.problem.with(c.full), SolverSettings.defaults(Method.COSPADI, Solver.BLOCK))) {
            double made = c.cost(c.full, TrialFit.ROUNDS);
            assertEquals(made, trial.lost(K, S).objective(), 0.05 * made + 1e-4 * c.energy());
        }
    }
}
