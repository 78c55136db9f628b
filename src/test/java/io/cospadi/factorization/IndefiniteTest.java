package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;
import io.cospadi.gpu.IndefiniteOnce;
import io.cospadi.quantization.Precision;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whichever of a solver's matrices rounding leaves indefinite, another way leads to factors that are as good. */
class IndefiniteTest {
    private static final int ALL_SUCCEED = Integer.MAX_VALUE;

    private record Result(double error, int factorizations) {}

    private static Result factorized(SolverSettings settings, int members, int succeeding) {
        IndefiniteOnce device = new IndefiniteOnce(succeeding);
        try (Backend backend = TestBackends.on(device.calls(), Long.MAX_VALUE);
                Problems first = Problems.random(backend, 20, 28, 90, 3, 4);
                Problems second = Problems.random(backend, 20, 28, 90, 4, 5)) {
            List<Problems> all = List.of(first, second).subList(0, members);
            List<Factorization> results = new GroupFactorizer(
                            settings, members > 1 ? ShareObjective.EXACT : ShareObjective.MEAN)
                    .factorize(backend, all.stream().map(p -> p.problem).toList(), 24, 8, RoundListener.NONE);
            double error = 0;
            for (int i = 0; i < members; i++) {
                // of what is stored, by plain loops: not what the solver believes
                Problems p = all.get(i);
                double[][] lost = Plain.minus(p.w, Problems.dense(results.get(i).factors()));
                error += Plain.energy(lost, p.gram) / Plain.energy(p.w, p.gram) / members;
            }
            return new Result(error, device.factorizations());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "BLOCK, 14, 16, 1",
        "BLOCK, 14, 16, 2",
        "BLOCK, 4, 16, 1",
        "MOD, 14, 16, 1",
        "KSVD, 14, 16, 1",
        "KSVD_BLOCKED, 14, 16, 1"
    })
    void whicheverFactorizationFails(Solver solver, int valueBits, int dictionaryBits, int members) {
        SolverSettings settings = SolverSettings.defaults(Method.COSPADI, solver)
                .withRounds(6)
                .withPrecision(new Precision(valueBits, dictionaryBits, 0));
        Result usual = factorized(settings, members, ALL_SUCCEED);
        int more = 0;
        for (int i = 0; i < usual.factorizations(); i++) {
            Result other = factorized(settings, members, i);
            assertEquals(usual.error(), other.error(), 0.5 * usual.error(), "factorization " + i);
            more += other.factorizations() > usual.factorizations() ? 1 : 0;
        }
        assertTrue(more > 0, "nothing was tried again");
    }
}
