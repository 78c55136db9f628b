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
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What becomes of normal equations that can't be solved, with and without waiting for the outcome. */
class LeastSquaresDictionaryTest {
    private static final int D2 = 40;
    private static final int R = 3;

    private final Random random = new Random(9);

    private interface Case {
        void run(Backend backend, Effort effort, Scratch scratch);
    }

    private static void onEveryBackend(Case test) {
        for (Backend each : new Backend[] {new CpuBackend(1), TestBackends.emulated()}) {
            try (Backend backend = each) {
                try (Scratch scratch = new Scratch(backend)) {
                    test.run(backend, new Effort(backend), scratch);
                }
                assertEquals(0, backend.allocatedBytes());
            }
        }
    }

    private static Matrix upload(Backend backend, Scratch scratch, double[][] values) {
        Matrix matrix = scratch.f32(values.length, values[0].length);
        backend.write(matrix, Plain.floats(values));
        return matrix;
    }

    /** (CᵀC + share · mean diagonal · I) D − CᵀY, as a share of CᵀY. */
    private static double residual(double[][] c, double[][] y, double share, double[][] d) {
        double[][] gram = Plain.product(Plain.transpose(c), c);
        double mean = 0;
        for (int i = 0; i < gram.length; i++) {
            mean += gram[i][i] / gram.length;
        }
        for (int i = 0; i < gram.length; i++) {
            gram[i][i] += share * mean;
        }
        double[][] right = Plain.product(Plain.transpose(c), y);
        double[][] rest = Plain.minus(Plain.product(gram, d), right);
        return Math.sqrt(Plain.dot(rest, rest) / Plain.dot(right, right));
    }

    @Test
    void aRoundThatFailsKeepsTheLastDictionaryAndRaisesTheShift() {
        double[][] c = Plain.gaussian(D2, 5, random);
        double[][] y = Plain.gaussian(D2, R, random);
        double[][] last = Plain.matrix(5, R, Plain.floats(Plain.gaussian(5, R, random)));
        onEveryBackend((backend, effort, scratch) -> {
            Matrix codes = upload(backend, scratch, c);
            Matrix target = upload(backend, scratch, y);
            Matrix kept = upload(backend, scratch, last);
            Matrix dictionary = scratch.f32(5, R);
            LeastSquaresDictionary fit = new LeastSquaresDictionary(backend, effort, scratch, scratch.f32(5, 5));
            for (double share : new double[] {1e-6, 1e-4, 1e-2}) {
                fit.attempt(codes, target, dictionary);
                fit.orElse(kept, dictionary);
                double[][] found = Plain.matrix(5, R, backend.readFloats(dictionary));
                assertTrue(residual(c, y, share, found) < 1e-5, "solved with " + share);
                fit.attempt(codes, target, dictionary);
                fit.orElse(kept, dictionary);
                assertArrayEquals(found, Plain.matrix(5, R, backend.readFloats(dictionary)), "no failure, no raise");

                Matrix broken = scratch.f32(codes);
                backend.fill(broken.rows(7, 1), Double.NaN);
                fit.attempt(broken, target, dictionary);
                fit.orElse(kept, dictionary);
                assertArrayEquals(last, Plain.matrix(5, R, backend.readFloats(dictionary)), "the last round's");
            }
        });
    }

    /** Columns that differ in the fifth digit: their Gram's rounding to f32 exceeds the first shift. */
    @Test
    void aShiftThatIsTooSmallForRoundingIsRaisedUntilItIsNot() {
        int k = 300;
        double[][] c = Plain.gaussian(D2, k, random);
        for (double[] row : c) {
            double common = 100 * random.nextGaussian();
            for (int j = 0; j < k; j++) {
                row[j] = common * (1 + 1e-6 * row[j]);
            }
        }
        double[][] y = Plain.gaussian(D2, R, random);
        onEveryBackend((backend, effort, scratch) -> {
            Matrix codes = upload(backend, scratch, c);
            Matrix target = upload(backend, scratch, y);
            Matrix gram = scratch.f32(k, k);
            Matrix none = scratch.f32(k, R);
            Matrix dictionary = scratch.f32(k, R);
            int failures = 0;
            LeastSquaresDictionary fit = new LeastSquaresDictionary(backend, effort, scratch, gram);
            for (; failures < 4; failures++) {
                fit.attempt(codes, target, dictionary);
                fit.orElse(none, dictionary);
                if (!Arrays.equals(new float[k * R], backend.readFloats(dictionary))) {
                    break;
                }
            }
            assertTrue(failures > 0 && failures < 4, failures + " failures");
            float[] inRounds = backend.readFloats(dictionary);
            LeastSquaresDictionary.solve(backend, effort, codes, target, gram, dictionary);
            assertArrayEquals(
                    inRounds, backend.readFloats(dictionary), "with waiting, the same shift and the same bits");
        });
    }

    @Test
    void codesThatAreNotFiniteAreRefusedWhereTheOutcomeIsWaitedFor() {
        onEveryBackend((backend, effort, scratch) -> {
            Matrix codes = upload(backend, scratch, Plain.gaussian(D2, 5, random));
            backend.fill(codes.rows(7, 1), Double.POSITIVE_INFINITY);
            Matrix target = scratch.f32(D2, R);
            String message = assertThrows(
                            ArithmeticException.class,
                            () -> LeastSquaresDictionary.solve(
                                    backend, effort, codes, target, scratch.f32(5, 5), scratch.f32(5, R)))
                    .getMessage();
            assertTrue(message.contains("not finite") && message.contains("5 atoms"), message);
        });
    }

    @Test
    void noCodesGiveNoDictionary() {
        onEveryBackend((backend, effort, scratch) -> {
            Matrix codes = scratch.f32(D2, 5);
            Matrix target = upload(backend, scratch, Plain.gaussian(D2, R, random));
            Matrix dictionary = scratch.f32(5, R);
            backend.fill(dictionary, 7);
            LeastSquaresDictionary fit = new LeastSquaresDictionary(backend, effort, scratch, scratch.f32(5, 5));
            fit.solve(codes, target, dictionary);
            assertArrayEquals(new float[5 * R], backend.readFloats(dictionary));
            assertArrayEquals(new float[5], backend.readFloats(fit.usage()), "no atom is used");
            assertFalse(fit.usage().dtype() == DType.F64);
        });
    }
}
