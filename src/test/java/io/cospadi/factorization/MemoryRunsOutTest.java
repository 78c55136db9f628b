package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.TestBackends;
import io.cospadi.gpu.CallCounts;
import io.cospadi.gpu.EmulatedCuda;
import io.cospadi.gpu.FullDevice;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.DeviceMemoryException;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Wherever a device's memory ends, the caller is told, and nothing stays behind. */
class MemoryRunsOutTest {
    private static SolverSettings sparse(Solver solver) {
        return SolverSettings.defaults(Method.COSPADI, solver).withRounds(2);
    }

    static Stream<SolverSettings> settings() {
        return Stream.of(
                sparse(Solver.BLOCK),
                sparse(Solver.BLOCK).withPrecision(new Precision(4, 4, 8)),
                sparse(Solver.KSVD),
                sparse(Solver.KSVD_BLOCKED).withPursuit(Pursuit.STAGED),
                sparse(Solver.MOD),
                SolverSettings.defaults(Method.COMPOT, Solver.BLOCK).withRounds(2),
                SolverSettings.defaults(Method.SVD_LLM, Solver.BLOCK),
                SolverSettings.defaults(Method.GPTQ, Solver.BLOCK));
    }

    @ParameterizedTest
    @MethodSource("settings")
    void everyAllocationMayFail(SolverSettings settings) {
        CallCounts counts = new CallCounts(new EmulatedCuda());
        try (Backend backend = TestBackends.on(counts.calls(), Long.MAX_VALUE);
                Given given = new Given(backend)) {
            assertEquals(given.bytes, backend.allocatedBytes());
        }
        int allocations = counts.of("allocate");
        int failed = 0;
        while (!factorizes(settings, allocations + failed)) {
            failed++;
        }
        assertTrue(failed > 10, failed + " allocations");
    }

    /** Two problems of one shape. */
    private static final class Given implements AutoCloseable {
        private final Problems first;
        private final Problems second;
        private final long bytes;

        Given(Backend backend) {
            first = Problems.random(backend, 8, 12, 30, 3, 4);
            second = Problems.random(backend, 8, 12, 30, 9, 5);
            bytes = backend.allocatedBytes();
        }

        @Override
        public void close() {
            first.close();
            second.close();
        }
    }

    /** On a device with so many allocations; where they are too few, what was given is all that is left. */
    private static boolean factorizes(SolverSettings settings, int allocations) {
        boolean codes = settings.method().sparse();
        try (Backend backend = TestBackends.on(FullDevice.after(allocations, new EmulatedCuda()), Long.MAX_VALUE);
                Given given = new Given(backend)) {
            try {
                int k = settings.method() == Method.GPTQ ? 4 : 6;
                Factorizer.of(settings).factorize(backend, given.first.problem, k, codes ? 2 : 0, RoundListener.NONE);
                if (settings.equals(sparse(Solver.BLOCK))) {
                    List<Problem> group = List.of(given.first.problem, given.second.problem);
                    new GroupFactorizer(settings, ShareObjective.EXACT)
                            .factorize(backend, group, k, 2, RoundListener.NONE);
                }
                return true;
            } catch (DeviceMemoryException e) {
                assertEquals(given.bytes, backend.allocatedBytes(), "left behind by allocation " + allocations);
                return false;
            }
        }
    }
}
