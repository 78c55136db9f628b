package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.TestBackends;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The corrected target against the conditions that define it, by plain loops over the inputs themselves. */
class InputCorrectionTest {
    private static final int N = 60;
    private static final int D1 = 9;
    private static final int D2 = 5;
    /** Of the mean diagonal; part of the contract. */
    private static final double RIDGE = 0.01;

    /** Inputs as they should be and as they are, and a weight (D1, D2). */
    private static final class Case {
        final double[][] wanted;
        final double[][] given;
        final double[][] w;

        Case(double[][] wanted, double[][] given, Random random) {
            this.wanted = wanted;
            this.given = given;
            this.w = Plain.gaussian(D1, D2, random);
        }

        static Case disturbed(long seed) {
            Random random = new Random(seed);
            double[][] wanted = Plain.gaussian(N, D1, random);
            double[][] mixed = Plain.product(wanted, Plain.gaussian(D1, D1, random));
            double[][] given = Plain.gaussian(N, D1, random);
            for (int i = 0; i < N; i++) {
                for (int j = 0; j < D1; j++) {
                    given[i][j] = wanted[i][j] + 0.1 * mixed[i][j] + 0.2 * given[i][j];
                }
            }
            return new Case(wanted, given, random);
        }

        double[][] gram() {
            return Plain.product(Plain.transpose(given), given);
        }

        double[][] shift() {
            return Plain.product(Plain.transpose(given), Plain.minus(wanted, given));
        }

        double ridge() {
            double trace = 0;
            for (int i = 0; i < D1; i++) {
                trace += gram()[i][i];
            }
            return RIDGE * trace / D1;
        }
    }

    private static <T> T on(String name, Function<Backend, T> test) {
        try (Backend backend = name.equals("cpu") ? new CpuBackend(1) : TestBackends.emulated()) {
            T result = test.apply(backend);
            assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
            return result;
        }
    }

    /** W* (D1, D2) of a case, and W as it was given, both rounded to f32. */
    private static double[][] corrected(Backend backend, Case c) {
        try (Matrix gram = backend.allocate(D1, D1, DType.F64);
                Matrix shift = backend.allocate(D1, D1, DType.F64);
                Matrix weight = backend.allocate(D2, D1, DType.F32)) {
            backend.write(gram, Plain.flat(c.gram()));
            backend.write(shift, Plain.flat(c.shift()));
            backend.write(weight, Plain.floats(Plain.transpose(c.w)));
            try (InputCorrection correction = InputCorrection.of(backend, "site", gram, shift);
                    Matrix corrected = correction.corrected(weight)) {
                float[] values = backend.readFloats(corrected);
                double[][] star = new double[D1][D2];
                for (int i = 0; i < D2; i++) {
                    for (int j = 0; j < D1; j++) {
                        star[j][i] = values[i * D1 + j];
                    }
                }
                return star;
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void outputsComeAsNearToTheWantedOnesAsTheRidgeLets(String name) {
        for (int seed = 0; seed < 3; seed++) {
            Case c = Case.disturbed(seed);
            double[][] star = on(name, backend -> corrected(backend, c));
            double[][] missed = Plain.minus(Plain.product(c.given, star), Plain.product(c.wanted, c.w));
            // the gradient of ‖X~ W* − X W‖² + ε ‖W* − W‖², halved
            double[][] gradient = Plain.product(Plain.transpose(c.given), missed);
            double scale = Math.sqrt(Plain.dot(c.gram(), c.gram()) * Plain.dot(c.w, c.w));
            for (int i = 0; i < D1; i++) {
                for (int j = 0; j < D2; j++) {
                    double value = gradient[i][j] + c.ridge() * (star[i][j] - c.w[i][j]);
                    assertEquals(0, value, 1e-6 * scale, "at " + i + ", " + j);
                }
            }
            double[][] before = Plain.minus(Plain.product(c.given, c.w), Plain.product(c.wanted, c.w));
            assertTrue(Plain.dot(missed, missed) < 0.5 * Plain.dot(before, before));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void weightStaysToTheBitWhereNothingWasLost(String name) {
        Random random = new Random(1);
        double[][] x = Plain.gaussian(N, D1, random);
        Case c = new Case(x, x, random);
        assertArrayEquals(Plain.flat(c.w), Plain.flat(on(name, backend -> corrected(backend, c))));
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void weightStaysAlongDirectionsThatTheInputsNeverShow(String name) {
        Case full = Case.disturbed(2);
        double[][] given = new double[N][];
        for (int i = 0; i < N; i++) {
            given[i] = full.given[i].clone();
            given[i][3] = 0; // this one is gone, and the Gram singular
        }
        Case c = new Case(full.wanted, given, new Random(5));
        double[][] star = on(name, backend -> corrected(backend, c));
        assertArrayEquals(c.w[3], star[3], 1e-7);
        double[][] missed = Plain.minus(Plain.product(c.given, star), Plain.product(c.wanted, c.w));
        double[][] before = Plain.minus(Plain.product(c.given, c.w), Plain.product(c.wanted, c.w));
        assertTrue(Plain.dot(missed, missed) < Plain.dot(before, before));

        double[][] nothing = new double[N][D1];
        Case silent = new Case(full.wanted, nothing, new Random(6));
        assertArrayEquals(Plain.flat(silent.w), Plain.flat(on(name, backend -> corrected(backend, silent))));
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void inputsThatAreNotFiniteAreNamed(String name) {
        Case c = Case.disturbed(3);
        c.given[4][2] = Double.NaN;
        on(name, backend -> {
            CospadiException refused = assertThrows(CospadiException.class, () -> corrected(backend, c));
            assertTrue(refused.getMessage().startsWith("site: "), refused.getMessage());
            return null;
        });
    }
}
