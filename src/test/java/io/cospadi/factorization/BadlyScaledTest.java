package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.TestBackends;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.CospadiException;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where numbers no longer fit into what is stored, the user is told, and gets no factors that a larger ridge makes look sound. */
class BadlyScaledTest {
    private static final int D1 = 24;
    private static final int D2 = 40;

    /** The error of factors of a weight that is so many times as large. */
    private static double error(Backend backend, SolverSettings settings, double scale, int k, int s) {
        double[][] w;
        double[][] gram;
        try (Problems p = Problems.random(backend, D1, D2, 100, 3, 4)) {
            w = p.w;
            gram = p.gram;
        }
        for (double[] row : w) {
            for (int j = 0; j < row.length; j++) {
                row[j] *= scale;
            }
        }
        try (Problems p = Problems.of(backend, w, gram)) {
            return new GroupFactorizer(settings, ShareObjective.MEAN)
                    .factorize(backend, List.of(p.problem), k, s, RoundListener.NONE)
                    .get(0)
                    .relativeError();
        } finally {
            assertEquals(0, backend.allocatedBytes());
        }
    }

    /** The projection is named, and what to look at; or the factors are as good as those of the weight as it was. */
    private static void assertRefusedOrSound(
            Backend backend, SolverSettings settings, double scale, int k, int s, boolean refused) {
        double usual = error(backend, settings, 1, k, s);
        try {
            double error = error(backend, settings, scale, k, s);
            assertFalse(refused, "factors with the error " + error);
            // another way of rounding costs little; a ridge that hid an overflow, up to ten thousand times the error
            assertEquals(usual, error, 0.5 * usual);
        } catch (CospadiException e) {
            assertTrue(e.getMessage().matches("(?s)\\w+: .*badly scaled.*"), e.getMessage());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "BLOCK,2e37,14,16,true",
        "BLOCK,3e37,14,16,true",
        "BLOCK,2e37,4,16,true",
        "BLOCK,1e36,14,4,false",
        "BLOCK,3e36,14,4,false",
        "BLOCK,3e36,4,4,false",
        "MOD,3e37,14,16,false",
        "MOD,3e36,8,8,false"
    })
    void factorsAreRefusedOrSound(Solver solver, double scale, int valueBits, int dictionaryBits, boolean refused) {
        SolverSettings settings = SolverSettings.defaults(Method.COSPADI, solver)
                .withRounds(4)
                .withPrecision(new Precision(valueBits, dictionaryBits, 0));
        for (int i = 0; i < 2; i++) {
            try (Backend backend = i == 0 ? new CpuBackend(1) : TestBackends.emulated()) {
                assertRefusedOrSound(backend, settings, scale, 32, 16, refused);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"RTN", "GPTQ"})
    void roundedWeightsAreRefused(Method method) {
        SolverSettings settings = SolverSettings.defaults(method, Solver.BLOCK).withPrecision(new Precision(14, 16, 0));
        for (int i = 0; i < 2; i++) {
            try (Backend backend = i == 0 ? new CpuBackend(1) : TestBackends.emulated()) {
                assertRefusedOrSound(backend, settings, 1e38, 4, 0, true);
            }
        }
    }
}
