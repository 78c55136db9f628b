package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.TestBackends;
import io.cospadi.quantization.CodePacking;
import io.cospadi.quantization.LevelPacking;
import io.cospadi.quantization.Levels;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.MaskGroups;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a device rounds and measures is what is stored, and about as good as what the processor finds. */
class StoredFactorsTest {
    private static final int D1 = 24;
    private static final int D2 = 40;
    private static final int K = 32;
    private static final int S = 16;

    static Stream<SolverSettings> settings() {
        SolverSettings block =
                SolverSettings.defaults(Method.COSPADI, Solver.BLOCK).withRounds(6);
        return Stream.of(
                block,
                block.withPrecision(new Precision(16, 16, 0)),
                block.withPrecision(new Precision(4, 16, 0)),
                block.withPrecision(new Precision(14, 4, 0)),
                block.withPrecision(new Precision(4, 3, 8)),
                block.withPrecision(new Precision(8, 8, 0)).withGroups(MaskGroups.EIGHT_OF_16),
                SolverSettings.defaults(Method.COSPADI, Solver.MOD)
                        .withRounds(3)
                        .withPrecision(new Precision(6, 6, 10)),
                SolverSettings.defaults(Method.RTN, Solver.BLOCK).withPrecision(new Precision(14, 16, 7)),
                SolverSettings.defaults(Method.GPTQ, Solver.BLOCK).withPrecision(new Precision(14, 16, 0)),
                SolverSettings.defaults(Method.GPTQ, Solver.BLOCK).withPrecision(new Precision(14, 16, 8)));
    }

    private static Factorization factorized(Backend backend, Problem problem, SolverSettings settings) {
        boolean sparse = settings.method().sparse();
        return Factorizer.of(settings).factorize(backend, problem, sparse ? K : 4, sparse ? S : 0, RoundListener.NONE);
    }

    /** Every number has exactly the form that it is stored in. */
    private static void requireStorable(Factors factors, Precision precision) {
        if (factors instanceof RoundedWeight weight) {
            Levels levels = weight.levels();
            LevelPacking.pack(levels.values(), levels.scales(), D1, 4, precision.groupSize());
            return;
        }
        SparseFactors sparse = (SparseFactors) factors;
        CodePacking.pack(sparse.codes(), precision, sparse.scales().codes());
        if (precision.dictionaryLevels()) {
            short[] scales = sparse.scales().dictionary();
            LevelPacking.pack(sparse.dictionary(), scales, D1, precision.dictionaryBits(), precision.groupSize());
        }
    }

    abstract static class Suite {
        abstract Backend create();

        @ParameterizedTest
        @MethodSource("io.cospadi.factorization.StoredFactorsTest#settings")
        void theErrorIsThatOfWhatIsStored(SolverSettings settings) {
            try (Backend processor = new CpuBackend(1);
                    Problems plain = Problems.random(processor, D1, D2, 100, 3, 4);
                    Backend device = create();
                    Problems given = Problems.random(device, D1, D2, 100, 3, 4)) {
                Factorization found = factorized(device, given.problem, settings);
                requireStorable(found.factors(), settings.precision());
                double error = RelativeError.of(processor, plain.problem, found.factors());
                assertEquals(error, found.relativeError(), 1e-9 * error);
                double expected = factorized(processor, plain.problem, settings).relativeError();
                // rounding of so few numbers goes another way where a last digit differs: 6 % were seen
                assertEquals(expected, error, 0.15 * expected);
                assertTrue(error < 0.5, "error " + error);
            }
        }
    }

    @Nested
    class Emulated extends Suite {
        @Override
        Backend create() {
            return TestBackends.emulated();
        }
    }

    @Nested
    class Late extends Suite {
        @Override
        Backend create() {
            return TestBackends.emulatedLate();
        }
    }

    @Nested
    @Tag("gpu")
    class Gpu extends Suite {
        @Override
        Backend create() {
            return TestBackends.gpu();
        }
    }
}
