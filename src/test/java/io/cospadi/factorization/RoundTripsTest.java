package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.TestBackends;
import io.cospadi.gpu.CallCounts;
import io.cospadi.gpu.EmulatedCuda;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.DType;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** No round of a solver waits for the device: twice as many rounds move no more between it and the host than each round's error. */
class RoundTripsTest {
    private static final int D1 = 16;
    private static final int D2 = 24;
    private static final int K = 20;
    private static final int S = 4;

    private interface Run {
        void on(Backend backend, SolverSettings settings);
    }

    private static void assertRoundsWaitForNothing(SolverSettings settings, Run run) {
        int[] few = calls(settings.withRounds(6), run);
        int[] more = calls(settings.withRounds(12), run);
        assertEquals(few[0], more[0], "transfers and waits of 6 and of 12 rounds");
        assertEquals(6, more[1] - few[1], "errors on their way");
    }

    private static int[] calls(SolverSettings settings, Run run) {
        CallCounts counts = new CallCounts(new EmulatedCuda());
        try (Backend backend = TestBackends.on(counts.calls(), Long.MAX_VALUE)) {
            run.on(backend, settings);
            assertEquals(0, backend.allocatedBytes());
        }
        // what crosses to the device has to wait for a place to cross by
        int crossings = counts.of("toHost") + counts.of("toDevice") + counts.of("synchronize");
        return new int[] {crossings, counts.of("fetch")};
    }

    private static SolverSettings of(Method method, Solver solver) {
        return SolverSettings.defaults(method, solver);
    }

    private static void alone(Backend backend, SolverSettings settings, int k) {
        try (Problems p = Problems.random(backend, D1, D2, 80, 3, 4)) {
            Factorizer.of(settings).factorize(backend, p.problem, k, S, RoundListener.NONE);
        }
    }

    @ParameterizedTest
    @CsvSource({"BLOCK", "KSVD", "KSVD_EXACT", "KSVD_BLOCKED", "MOD"})
    void roundsOfTheSparseMethodWaitForNothing(Solver solver) {
        assertRoundsWaitForNothing(of(Method.COSPADI, solver), (backend, settings) -> alone(backend, settings, K));
    }

    @Test
    void roundsOfTheStagedPursuitWaitForNothing() {
        assertRoundsWaitForNothing(
                of(Method.COSPADI, Solver.KSVD_BLOCKED).withPursuit(Pursuit.STAGED),
                (backend, settings) -> alone(backend, settings, K));
    }

    @Test
    void roundsOfCompotWaitForNothing() {
        assertRoundsWaitForNothing(
                of(Method.COMPOT, Solver.BLOCK), (backend, settings) -> alone(backend, settings, 14));
    }

    @Test
    void roundsOfASharedDictionaryWaitForNothing() {
        assertRoundsWaitForNothing(of(Method.COSPADI, Solver.BLOCK), (backend, settings) -> {
            try (Problems p = Problems.random(backend, D1, D2, 80, 3, 4);
                    Problems q = Problems.random(backend, D1, D2, 80, 9, 5)) {
                new GroupFactorizer(settings, ShareObjective.EXACT)
                        .factorize(backend, List.of(p.problem, q.problem), K, S, RoundListener.NONE);
            }
        });
    }

    @Test
    void roundsUnderAllOfTheOutputCovarianceWaitForNothing() {
        assertRoundsWaitForNothing(of(Method.COSPADI, Solver.BLOCK), (backend, settings) -> {
            try (Problems p = Problems.random(backend, D1, D2, 80, 3, 4);
                    Matrix covariance = backend.allocate(D2, D2, DType.F64)) {
                backend.write(covariance, Plain.flat(DoublyWhitenedSvdTest.covariance(D2, 2 * D2, 6)));
                try (OutputWeights full = OutputWeights.full(backend, covariance, DoublyWhitenedSvdTest.SHARE)) {
                    Factorizer.of(settings).factorize(backend, p.problem.with(full), K, S, RoundListener.NONE);
                }
            }
        });
    }

    /** The final fit waits once it is through: of few bits supports and two kinds of scales come with the factors, no more. */
    @Test
    void fewBitsWaitForNothingBeforeTheyAreRead() {
        SolverSettings settings = of(Method.COSPADI, Solver.BLOCK).withRounds(2);
        int[] usual = calls(settings, (backend, s) -> alone(backend, s, K));
        int[] few = calls(settings.withPrecision(new Precision(4, 4, 8)), (backend, s) -> alone(backend, s, K));
        assertEquals(3, few[0] - usual[0], "transfers and waits");
        assertEquals(1, few[1] - usual[1], "whether the Gram has a factor");
    }

    /** However many columns are rounded one after the other. */
    @ParameterizedTest
    @CsvSource({"RTN,0", "GPTQ,0", "GPTQ,8", "GPTQ,100"})
    void roundingColumnsWaitsForNothing(Method method, int groupSize) {
        SolverSettings settings = of(method, Solver.BLOCK).withPrecision(new Precision(14, 16, groupSize));
        int[][] calls = new int[2][];
        for (int i = 0; i < 2; i++) {
            int d1 = i == 0 ? 60 : 230;
            calls[i] = calls(settings, (backend, s) -> {
                try (Problems p = Problems.random(backend, d1, D2, 80, 3, 4)) {
                    Factorizer.of(s).factorize(backend, p.problem, 4, 0, RoundListener.NONE);
                }
            });
        }
        assertArrayEquals(calls[0], calls[1]);
    }

    /** More atoms than codes: some are dead in every round. */
    @ParameterizedTest
    @CsvSource({"BLOCK", "KSVD", "KSVD_EXACT", "KSVD_BLOCKED", "MOD"})
    void deadAtomsAreReplacedOnTheDevice(Solver solver) {
        int[] replaced = new int[2];
        for (int i = 0; i < 2; i++) {
            try (Backend backend = i == 0 ? new CpuBackend(1) : TestBackends.emulated();
                    Problems p = Problems.random(backend, 6, 20, 50, 1, 32)) {
                Factorization result = Factorizer.of(of(Method.COSPADI, solver).withRounds(3))
                        .factorize(backend, p.problem, 50, 1, RoundListener.NONE);
                replaced[i] = result.atomsReplaced();
            }
        }
        assertTrue(replaced[0] > 0, "no atom died on the CPU");
        assertEquals(replaced[0], replaced[1], "on the device");
    }
}
