package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.quantization.CodePacking;
import io.cospadi.quantization.LevelPacking;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.TopBits;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class FactorizerTest {
    private final Backend backend = new CpuBackend(1);

    @AfterEach
    void nothingIsLeftAllocated() {
        assertEquals(0, backend.allocatedBytes());
        backend.close();
    }

    static Stream<SolverSettings> all() {
        return Stream.concat(
                Stream.of(Solver.values()).map(solver -> SolverSettings.defaults(Method.COSPADI, solver)
                        .withRounds(solver == Solver.BLOCK ? 40 : 6)),
                Stream.concat(
                        Stream.of(Method.COMPOT, Method.SVD_LLM, Method.ASVD, Method.SVD)
                                .map(method -> SolverSettings.defaults(method, Solver.BLOCK)),
                        Stream.of(
                                levels(Method.COSPADI, new Precision(8, 8, 0)),
                                levels(Method.COSPADI, new Precision(4, 16, 3)),
                                levels(Method.COSPADI, new Precision(14, 4, 8)),
                                levels(Method.COMPOT, new Precision(4, 6, 0)),
                                levels(Method.RTN, new Precision(14, 16, 8)),
                                levels(Method.GPTQ, new Precision(14, 16, 8)))));
    }

    private static SolverSettings levels(Method method, Precision precision) {
        return SolverSettings.defaults(method, Solver.BLOCK).withPrecision(precision);
    }

    private record Size(int d1, int d2, int tokens, double spread) {}

    private static final List<Size> SIZES = List.of(
            new Size(32, 48, 200, 1), // regular
            new Size(32, 48, 20, 1), // fewer tokens than inputs: singular
            new Size(48, 32, 200, 30), // more inputs than outputs, badly scaled
            new Size(48, 32, 10, 1), // rank below k
            new Size(5, 90, 100, 1)); // more atoms than inputs

    private Factorization factorize(SolverSettings settings, Problems p) {
        int k = settings.method() == Method.COMPOT ? Math.min(p.problem.d1(), 16) : 16;
        if (settings.method().lowRank()) {
            k = Math.min(Math.min(p.problem.d1(), p.problem.d2()), 9);
        }
        if (settings.method().rounds()) {
            k = 4;
        }
        int s = settings.method().sparse() ? Math.max(1, k / 2) : 0;
        return Factorizer.of(settings).factorize(backend, p.problem, k, s, RoundListener.NONE);
    }

    @ParameterizedTest
    @MethodSource("all")
    void statedErrorIsThatOfTheStoredFactorsByPlainLoops(SolverSettings settings) {
        for (Size size : SIZES) {
            try (Problems p = Problems.random(backend, size.d1, size.d2, size.tokens, size.spread, 11)) {
                Factorization result = factorize(settings, p);
                double expected = p.error(result.factors());
                assertEquals(expected, result.relativeError(), 1e-9 + 1e-8 * expected, settings + " at " + size);
                assertTrue(expected < 1, settings + " at " + size + ": " + expected);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void sameSeedGivesTheSameBits(SolverSettings settings) {
        try (Problems p = Problems.random(backend, 32, 48, 200, 1, 12)) {
            Factorization a = factorize(settings, p);
            Factorization b = factorize(settings, p);
            assertArrayEquals(a.errorByRound(), b.errorByRound());
            if (a.factors() instanceof SparseFactors x && b.factors() instanceof SparseFactors z) {
                assertArrayEquals(x.dictionary(), z.dictionary());
                assertArrayEquals(x.codes().atoms(), z.codes().atoms());
                assertArrayEquals(x.codes().values(), z.codes().values());
            } else if (a.factors() instanceof RoundedWeight x && b.factors() instanceof RoundedWeight z) {
                assertArrayEquals(x.levels().values(), z.levels().values());
                assertArrayEquals(x.levels().scales(), z.levels().scales());
            } else {
                assertArrayEquals(((LowRankFactors) a.factors()).up(), ((LowRankFactors) b.factors()).up());
                assertArrayEquals(((LowRankFactors) a.factors()).down(), ((LowRankFactors) b.factors()).down());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void everyCodeHasFourteenBits(SolverSettings settings) {
        try (Problems p = Problems.random(backend, 32, 48, 200, 1, 13)) {
            if (!settings.precision().valueLevels()
                    && factorize(settings, p).factors() instanceof SparseFactors sparse) {
                Codes codes = sparse.codes();
                assertEquals(new FactorShape(32, 48, 16, 8), sparse.shape());
                for (float value : codes.values()) {
                    assertEquals(TopBits.round(value, 14), value);
                }
            }
        }
    }

    /** Packing refuses what was not rounded to a level of its scale. */
    @ParameterizedTest
    @MethodSource("all")
    void everyLevelIsOne(SolverSettings settings) {
        Precision precision = settings.precision();
        try (Problems p = Problems.random(backend, 32, 48, 200, 1, 13)) {
            if (factorize(settings, p).factors() instanceof SparseFactors sparse) {
                CodePacking.pack(sparse.codes(), precision, sparse.scales().codes());
                if (precision.dictionaryLevels()) {
                    LevelPacking.pack(
                            sparse.dictionary(),
                            sparse.scales().dictionary(),
                            32,
                            precision.dictionaryBits(),
                            precision.groupSize());
                }
            }
        }
    }

    @Test
    void gptqBeatsRoundingToNearestAndBothApproachTheWeight() {
        double lastNearest = Double.POSITIVE_INFINITY;
        for (int bits : new int[] {3, 4, 6, 8}) {
            double nearest = 0;
            double fed = 0;
            for (int seed = 30; seed < 36; seed++) {
                try (Problems p = Problems.random(backend, 48, 64, 400, 3, seed)) {
                    nearest += error(p, Method.RTN, bits, 0);
                    fed += error(p, Method.GPTQ, bits, 0);
                }
            }
            assertTrue(fed < 0.8 * nearest, bits + " bits: " + fed + " against " + nearest);
            assertTrue(nearest < 0.5 * lastNearest, bits + " bits: " + nearest + " after " + lastNearest);
            lastNearest = nearest;
        }
    }

    @Test
    void fewerBitsLoseMore() {
        double last = 0;
        for (int bits : new int[] {14, 8, 6, 4, 3}) {
            double sum = 0;
            for (int seed = 20; seed < 24; seed++) {
                try (Problems p = Problems.random(backend, 48, 64, 400, 3, seed)) {
                    sum += factorize(
                                    levels(Method.COSPADI, new Precision(bits, bits == 14 ? 16 : Math.max(4, bits), 0)),
                                    p)
                            .relativeError();
                }
            }
            assertTrue(sum > 0.9 * last, bits + " bits: " + sum + " after " + last);
            last = sum;
        }
    }

    @Test
    void moreAtomsThanInputsFitBetterThanAsMany() {
        try (Problems p = Problems.random(backend, 8, 120, 100, 1, 14)) {
            Factorizer block = Factorizer.of(SolverSettings.defaults(Method.COSPADI, Solver.BLOCK));
            double asMany = block.factorize(backend, p.problem, 8, 3, RoundListener.NONE)
                    .relativeError();
            double more = block.factorize(backend, p.problem, 24, 3, RoundListener.NONE)
                    .relativeError();
            assertTrue(more < asMany, more + " against " + asMany);
        }
    }

    @Test
    void blockEndsNoWorseThanItsStart() {
        for (Size size : SIZES) {
            try (Problems p = Problems.random(backend, size.d1, size.d2, size.tokens, size.spread, 15)) {
                SolverSettings settings = SolverSettings.defaults(Method.COSPADI, Solver.BLOCK);
                double start = factorize(settings.withRounds(0), p).relativeError();
                for (int rounds : new int[] {1, 2, 7, 40}) {
                    double end = factorize(settings.withRounds(rounds), p).relativeError();
                    assertTrue(end <= start * 1.02 + 1e-4, "rounding aside: " + end + " after " + start);
                }
            }
        }
    }

    @Test
    void blockBeatsCompotWhichBeatsTruncation() {
        try (Problems p = Problems.random(backend, 64, 96, 400, 3, 16)) {
            double block = error(p, Method.COSPADI, 40, 20);
            double compot = error(p, Method.COMPOT, 40, 20);
            double truncation = error(p, Method.SVD_LLM, new FactorShape(64, 96, 40, 20).bytesOnDisk() > 0 ? 27 : 0, 0);
            assertTrue(block < compot, block + " against " + compot);
            assertTrue(compot < truncation, compot + " against " + truncation);
        }
    }

    private double error(Problems p, Method method, int k, int s) {
        return Factorizer.of(SolverSettings.defaults(method, Solver.BLOCK))
                .factorize(backend, p.problem, k, s, RoundListener.NONE)
                .relativeError();
    }

    @Test
    void svdLlmLosesTheTailOfTheWhitenedSpectrum() {
        for (Size size : SIZES) {
            try (Problems p = Problems.random(backend, size.d1, size.d2, size.tokens, size.spread, 17)) {
                double[] spectrum = WhitenedSpectrum.of(backend, p.problem);
                int rank = 4;
                double tail = 0;
                double all = 0;
                for (int i = 0; i < spectrum.length; i++) {
                    all += spectrum[i] * spectrum[i];
                    tail += i < rank ? 0 : spectrum[i] * spectrum[i];
                }
                assertEquals(tail / all, error(p, Method.SVD_LLM, rank, 0), 3e-5 + 1e-3 * tail / all);
            }
        }
    }

    @Test
    void plainSvdIsOptimalForTheWeightAndSvdLlmForTheOutputs() {
        try (Problems p = Problems.random(backend, 40, 30, 200, 20, 18)) {
            double[][] identity = new double[40][40];
            for (int i = 0; i < 40; i++) {
                identity[i][i] = 1;
            }
            try (Problems unweighted = Problems.of(backend, p.w, identity)) {
                assertTrue(error(p, Method.SVD_LLM, 6, 0) < error(p, Method.ASVD, 6, 0));
                assertTrue(error(p, Method.SVD_LLM, 6, 0) < error(p, Method.SVD, 6, 0));
                assertEquals(error(unweighted, Method.SVD_LLM, 6, 0), error(unweighted, Method.SVD, 6, 0), 1e-12);
            }
        }
    }

    @Test
    void compotNeverRaisesTheObjective() {
        try (Problems p = Problems.random(backend, 48, 64, 300, 1, 19)) {
            double[] errors = Factorizer.of(SolverSettings.defaults(Method.COMPOT, Solver.BLOCK))
                    .factorize(backend, p.problem, 24, 12, RoundListener.NONE)
                    .errorByRound();
            assertEquals(20, errors.length);
            for (int i = 1; i < errors.length; i++) {
                assertTrue(errors[i] <= errors[i - 1] * (1 + 1e-5), i + ": " + errors[i] + " after " + errors[i - 1]);
            }
        }
    }

    @Test
    void toleranceStopsEarlyAndEveryRoundIsTold() {
        try (Problems p = Problems.random(backend, 32, 48, 200, 1, 20)) {
            SolverSettings settings =
                    SolverSettings.defaults(Method.COSPADI, Solver.BLOCK).withTolerance(0.05);
            int[] told = new int[1];
            Factorization result = Factorizer.of(settings).factorize(backend, p.problem, 16, 8, (round, rounds, e) -> {
                assertEquals(++told[0], round);
                assertEquals(40, rounds);
            });
            assertTrue(result.errorByRound().length < 40);
            assertEquals(told[0], result.errorByRound().length);
        }
    }

    @Test
    void singularGramIsFactoredWithoutAShiftAndItsRankIsReported() {
        try (Problems p = Problems.random(backend, 32, 48, 20, 1, 21)) {
            Factorization result = factorize(SolverSettings.defaults(Method.COSPADI, Solver.BLOCK), p);
            assertEquals(20, result.rank());
            assertEquals(0, result.gramShift());
        }
    }

    @Test
    void workIsCountedAndTimed() {
        try (Problems p = Problems.random(backend, 32, 48, 200, 1, 22)) {
            Factorization result = factorize(SolverSettings.defaults(Method.COSPADI, Solver.BLOCK), p);
            double round = 2.0 * (2 * 32 * 16 * 48 + 2 * 16 * 16 * 48) + 16 * 16 * 48 + 3 * 32 * 16 * 16;
            assertTrue(result.flops() > 40 * round);
            double sum = result.secondsByPhase().values().stream()
                    .mapToDouble(Double::doubleValue)
                    .sum();
            assertEquals(result.seconds(), sum, 0.05 * result.seconds() + 1e-3);
        }
    }
}
