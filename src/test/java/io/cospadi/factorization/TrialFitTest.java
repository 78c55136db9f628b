package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.quantization.Precision;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class TrialFitTest {
    private final Backend backend = new CpuBackend(1);

    @AfterEach
    void nothingIsLeftAllocated() {
        assertEquals(0, backend.allocatedBytes());
        backend.close();
    }

    /** Rounded weights have one size for a ratio: no budget tries them. */
    static Stream<SolverSettings> all() {
        return Stream.of(Method.values())
                .filter(method -> !method.rounds())
                .map(method -> SolverSettings.defaults(method, Solver.BLOCK));
    }

    /** Rounding to 14 and 16 bits, and for the alternating methods the longer fit, is all that parts the two. */
    @ParameterizedTest
    @MethodSource("all")
    void lostEnergiesAreThoseOfTheMethodsOwnFactors(SolverSettings settings) {
        Method method = settings.method();
        for (int d1 : new int[] {32, 64}) {
            try (Problems p = Problems.random(backend, d1, 48, 200, 5, 31);
                    TrialFit trials = new TrialFit(backend, p.problem, settings)) {
                int k = method.lowRank() ? 9 : 16;
                int s = method.lowRank() ? 0 : 8;
                double tried = sum(trials.lost(k, s).energies());
                Factors factors = Factorizer.of(settings.withRounds(method.lowRank() ? 0 : TrialFit.ROUNDS))
                        .factorize(backend, p.problem, k, s, RoundListener.NONE)
                        .factors();
                double made = Plain.energy(Plain.minus(p.w, Problems.dense(factors)), p.gram);
                assertEquals(made, tried, 0.03 * made + 1e-4 * Plain.energy(p.w, p.gram), method + " at d1=" + d1);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void moreAtomsLoseLess(SolverSettings settings) {
        boolean lowRank = settings.method().lowRank();
        try (Problems p = Problems.random(backend, 40, 48, 200, 5, 32);
                TrialFit trials = new TrialFit(backend, p.problem, settings)) {
            double few = sum(trials.lost(8, lowRank ? 0 : 4).energies());
            double more = sum(trials.lost(24, lowRank ? 0 : 12).energies());
            assertTrue(more < few, more + " against " + few);
        }
    }

    /** Output weights steer the fit; what is lost is told without them. */
    @ParameterizedTest
    @MethodSource("all")
    void equalWeightsOfAnySizeChangeNothing(SolverSettings settings) {
        double[] h = new double[48];
        Arrays.fill(h, 4); // a power of two squared: scaling by it and back is exact
        try (Problems p = Problems.random(backend, 32, 48, 200, 5, 33)) {
            Problem weighted = new Problem("test", p.problem.weight(), p.problem.gram(), OutputWeights.diagonal(h));
            int k = settings.method().lowRank() ? 9 : 16;
            int s = settings.method().lowRank() ? 0 : 8;
            try (TrialFit plain = new TrialFit(backend, p.problem, settings);
                    TrialFit scaled = new TrialFit(backend, weighted, settings)) {
                double[] expected = plain.lost(k, s).energies();
                double[] found = scaled.lost(k, s).energies();
                assertArrayEquals(expected, found, 1e-6 * sum(expected));
            }
        }
    }

    @Test
    void featureThatWeighsMoreLosesLess() {
        double[] h = new Random(5).doubles(48).map(u -> 0.01 + u).toArray();
        h[7] = 1000;
        try (Problems p = Problems.random(backend, 32, 48, 200, 5, 34)) {
            SolverSettings settings = SolverSettings.defaults(Method.COSPADI, Solver.BLOCK);
            Problem weighted = new Problem("test", p.problem.weight(), p.problem.gram(), OutputWeights.diagonal(h));
            try (TrialFit plain = new TrialFit(backend, p.problem, settings);
                    TrialFit scaled = new TrialFit(backend, weighted, settings)) {
                double without = plain.lost(16, 8).energies()[7];
                double with = scaled.lost(16, 8).energies()[7];
                assertTrue(with < 0.5 * without, with + " against " + without);
            }
        }
    }

    /** In few bits, rounding is part of what is lost. */
    @Test
    void levelsLoseInTrialsWhatTheyLoseStored() {
        SolverSettings plain = SolverSettings.defaults(Method.COSPADI, Solver.BLOCK);
        SolverSettings coarse = plain.withPrecision(new Precision(3, 4, 8));
        try (Problems p = Problems.random(backend, 32, 48, 200, 5, 37);
                TrialFit trials = new TrialFit(backend, p.problem, coarse);
                TrialFit fine = new TrialFit(backend, p.problem, plain)) {
            double tried = sum(trials.lost(16, 8).energies());
            Factors factors = Factorizer.of(coarse.withRounds(TrialFit.ROUNDS))
                    .factorize(backend, p.problem, 16, 8, RoundListener.NONE)
                    .factors();
            double made = Plain.energy(Plain.minus(p.w, Problems.dense(factors)), p.gram);
            assertEquals(made, tried, 1e-6 * made);
            assertTrue(tried > 1.2 * sum(fine.lost(16, 8).energies()));
        }
    }

    /** Rounding to 8 bits is left out: what it adds stays below a part in ten here, where 3 and 4 bits add a fifth and more. */
    @Test
    void trialsOf8BitsAreThoseOfTheFit() {
        SolverSettings plain = SolverSettings.defaults(Method.COSPADI, Solver.BLOCK);
        SolverSettings levels = plain.withPrecision(new Precision(8, 8, 0));
        try (Problems p = Problems.random(backend, 32, 48, 200, 5, 37);
                TrialFit trials = new TrialFit(backend, p.problem, levels);
                TrialFit fine = new TrialFit(backend, p.problem, plain)) {
            double tried = sum(trials.lost(16, 8).energies());
            assertEquals(sum(fine.lost(16, 8).energies()), tried);
            Factors factors = Factorizer.of(levels.withRounds(TrialFit.ROUNDS))
                    .factorize(backend, p.problem, 16, 8, RoundListener.NONE)
                    .factors();
            double made = Plain.energy(Plain.minus(p.w, Problems.dense(factors)), p.gram);
            assertEquals(made, tried, 0.1 * made);
        }
    }

    /** Of a group, each member's energies under its own Gram; under the mean's fit, as before, little parts the two. */
    @ParameterizedTest
    @CsvSource({"COSPADI, 32", "COSPADI, 64", "BASIS_SHARING, 32", "BASIS_SHARING, 64", "SVD, 32"})
    void lostEnergiesOfAGroupAreThoseOfItsFactors(Method method, int d1) {
        SolverSettings settings = SolverSettings.defaults(method, Solver.BLOCK);
        int k = method.lowRank() ? 9 : 16;
        int s = method.lowRank() ? 0 : 8;
        try (Problems a = Problems.random(backend, d1, 48, 200, 5, 35);
                Problems b = Problems.random(backend, d1, 48, 200, 5, 36)) {
            List<Problem> members = List.of(a.problem, b.problem);
            List<Factorization> parts = new GroupFactorizer(
                            settings.withRounds(method.lowRank() ? 0 : TrialFit.ROUNDS), ShareObjective.MEAN)
                    .factorize(backend, members, k, s, RoundListener.NONE);
            try (TrialFit trials = new TrialFit(backend, members, ShareObjective.MEAN, settings)) {
                double[] lost = trials.lost(k, s).energies();
                assertEquals(2 * 48, lost.length);
                for (int l = 0; l < 2; l++) {
                    Problems p = l == 0 ? a : b;
                    double tried = sum(Arrays.copyOfRange(lost, l * 48, (l + 1) * 48));
                    double made = Plain.energy(
                            Plain.minus(p.w, Problems.dense(parts.get(l).factors())), p.gram);
                    assertEquals(made, tried, 0.03 * made + 1e-4 * Plain.energy(p.w, p.gram), "member " + l);
                }
            }
        }
    }

    /**
     * The exact objective's trial lies between what its last fit, of codes under their own Grams, makes of it, and the mean's
     * trial.
     */
    @Test
    void exactTrialOfAGroupIsLowerThanTheMeans() {
        SolverSettings settings = SolverSettings.defaults(Method.COSPADI, Solver.BLOCK);
        double made = 0;
        double exact = 0;
        double mean = 0;
        for (int seed = 0; seed < 6; seed++) {
            try (Problems a = Problems.random(backend, 32, 48, 200, 5, 40 + seed);
                    Problems b = Problems.random(backend, 32, 48, 200, 5, 50 + seed)) {
                List<Problem> members = List.of(a.problem, b.problem);
                List<Factorization> parts = new GroupFactorizer(
                                settings.withRounds(TrialFit.ROUNDS), ShareObjective.EXACT)
                        .factorize(backend, members, 16, 8, RoundListener.NONE);
                made += Plain.energy(
                        Plain.minus(a.w, Problems.dense(parts.get(0).factors())), a.gram);
                made += Plain.energy(
                        Plain.minus(b.w, Problems.dense(parts.get(1).factors())), b.gram);
                exact += tried(members, ShareObjective.EXACT, settings);
                mean += tried(members, ShareObjective.MEAN, settings);
            }
        }
        assertTrue(made < exact && exact < mean, made + " made, " + exact + " tried, " + mean + " under the mean");
    }

    private double tried(List<Problem> members, ShareObjective objective, SolverSettings settings) {
        try (TrialFit trials = new TrialFit(backend, members, objective, settings)) {
            return sum(trials.lost(16, 8).energies());
        }
    }

    /** Members that are one and the same lose what one alone does; rounding on another route moves a few codes. */
    @Test
    void equalMembersLoseWhatOneAloneDoes() {
        SolverSettings settings = SolverSettings.defaults(Method.COSPADI, Solver.BLOCK);
        double apart = 0;
        double together = 0;
        for (int seed = 0; seed < 8; seed++) {
            try (Problems p = Problems.random(backend, 32, 48, 200, 5, 60 + seed)) {
                apart += 2 * tried(List.of(p.problem), ShareObjective.EXACT, settings);
                together += tried(List.of(p.problem, p.problem), ShareObjective.EXACT, settings);
            }
        }
        assertEquals(apart, together, 0.01 * apart);
    }

    private static double sum(double[] energies) {
        return Arrays.stream(energies).sum();
    }
}
