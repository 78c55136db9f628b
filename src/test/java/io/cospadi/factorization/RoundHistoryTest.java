package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.TestBackends;
import io.cospadi.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** When rounds are told: in order, at once where the error is there, at the end where it arrives late. */
class RoundHistoryTest {
    private final List<String> told = new ArrayList<>();

    private RoundHistory history(Backend backend, int rounds, double tolerance) {
        return new RoundHistory(
                backend, rounds, tolerance, (round, of, error) -> told.add(round + " of " + of + ": " + error));
    }

    @Test
    void onTheCpuEachRoundIsToldBeforeTheNext() {
        try (Backend backend = new CpuBackend(1);
                Matrix error = backend.allocate(1, 1, DType.F64)) {
            RoundHistory history = history(backend, 3, 0);
            for (int round = 1; round <= 2; round++) {
                backend.fill(error, 1.0 / round);
                assertFalse(history.finished(error, true));
                assertEquals(round, told.size());
            }
            assertArrayEquals(new double[] {1, 0.5}, history.errors());
            assertEquals(List.of("1 of 3: 1.0", "2 of 3: 0.5"), told);
        }
    }

    /** A device that never says that a number has come: what is too far behind is waited for. */
    @Test
    void noMoreThanTwoRoundsAreAheadOfWhatIsTold() {
        try (Backend backend = TestBackends.emulatedLate();
                Matrix error = backend.allocate(1, 1, DType.F64)) {
            RoundHistory history = history(backend, 9, 0);
            for (int round = 1; round <= 9; round++) {
                backend.fill(error, 1.0 / round);
                assertFalse(history.finished(error, true));
                assertEquals(Math.max(0, round - 2), told.size());
            }
            history.settle();
            assertEquals(9, told.size());
        }
    }

    /** The emulation's numbers have arrived when asked for the second time. */
    @Test
    void roundsThatArriveLateAreToldInOrder() {
        try (Backend backend = TestBackends.emulated();
                Matrix error = backend.allocate(1, 1, DType.F64)) {
            RoundHistory history = history(backend, 3, 0);
            for (int round = 1; round <= 3; round++) {
                backend.fill(error, 1.0 / round);
                assertFalse(history.finished(error, true));
                assertEquals(round - 1, told.size(), "one behind");
            }
            history.settle();
            assertEquals(List.of("1 of 3: 1.0", "2 of 3: 0.5", "3 of 3: " + 1.0 / 3), told);
            history.settle();
            assertEquals(3, history.errors().length);
            assertEquals(3, told.size(), "each once");
        }
    }

    @Test
    void aToleranceWaitsForEachRoundAndStops() {
        try (Backend backend = TestBackends.emulated();
                Matrix error = backend.allocate(1, 1, DType.F64)) {
            RoundHistory history = history(backend, 9, 0.1);
            backend.fill(error, 1);
            assertFalse(history.finished(error, true));
            assertEquals(1, told.size());
            backend.fill(error, 0.95);
            assertFalse(history.finished(error, false), "of another sparsity");
            assertTrue(history.finished(error, true));
            assertEquals(3, told.size());
        }
    }

    @Test
    void anErrorThatIsNotFiniteIsNoResult() {
        try (Backend backend = TestBackends.emulated();
                Matrix error = backend.allocate(1, 1, DType.F64)) {
            RoundHistory history = history(backend, 9, 0);
            backend.fill(error, Double.NaN);
            assertFalse(history.finished(error, true));
            assertTrue(assertThrows(ArithmeticException.class, history::settle)
                    .getMessage()
                    .contains("round 1"));
            assertEquals(List.of(), told);
        }
    }
}
