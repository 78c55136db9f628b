package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.TestBackends;
import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DictionaryUpdateTest {
    private static final int D2 = 50;
    private static final int K = 12;
    private static final int R = 17;
    /** Codes of a row. */
    private static final int MOST = 4;

    private final Backend backend = new CpuBackend(1);
    private final Effort effort = new Effort(backend);
    private final Scratch scratch = new Scratch(backend);
    private final Random random = new Random(3);
    private final double[][] y = Plain.gaussian(D2, R, random);
    private final double[][] c = sparse(D2, K, MOST, random);
    private final double[][] d = unitRows(Plain.gaussian(K, R, random));

    @AfterEach
    void nothingIsLeftAllocated() {
        scratch.close();
        assertEquals(0, backend.allocatedBytes());
        backend.close();
    }

    @Test
    void ksvdEqualsItsPlainLoops() {
        assertNear(
                plainKsvd(8), run(new KsvdUpdate(backend, effort, RankOneFit.power(backend, effort, MOST, 8))), 1e-4);
    }

    @Test
    void exactFitIsWhereManyPowerIterationsEnd() {
        assertNear(plainKsvd(3000), run(new KsvdUpdate(backend, effort, RankOneFit.exact(backend, effort))), 1e-3);
    }

    /** On both backends, with an atom that no row uses, which stays. */
    @Test
    void maskedFitEqualsTheGatheredOne() {
        for (double[] row : c) {
            row[5] = 0;
        }
        Result expected = fitted(backend, RankOneFit.exact(backend, effort));
        assertArrayEquals(d[5], expected.dictionary[5]);
        assertNear(expected, fitted(backend, new MaskedRankOneFit(backend, effort)), 1e-5);
        try (Backend cuda = TestBackends.emulated();
                Effort own = new Effort(cuda)) {
            Result found = fitted(cuda, RankOneFit.exact(cuda, own));
            assertNear(expected, found, 1e-5);
            assertArrayEquals(d[5], found.dictionary[5], "no user");
        }
    }

    /** The residual has to be that of what comes out. */
    private Result fitted(Backend on, RankOneFit fit) {
        try (Matrix dictionary = upload(on, d);
                Matrix codes = upload(on, c);
                Matrix residual = upload(on, Plain.minus(y, Plain.product(c, d)))) {
            fit.fit(residual, dictionary, codes);
            Result result = new Result(
                    Plain.matrix(K, R, on.readFloats(dictionary)), Plain.matrix(D2, K, on.readFloats(codes)), 0);
            double[][] left = Plain.minus(y, Plain.product(result.codes, result.dictionary));
            assertArrayEquals(
                    Plain.flat(left), Plain.flat(Plain.matrix(D2, R, on.readFloats(residual))), 1e-4, "residual");
            for (int i = 0; i < D2; i++) {
                for (int j = 0; j < K; j++) {
                    assertEquals(c[i][j] != 0, result.codes[i][j] != 0);
                }
            }
            return result;
        }
    }

    @Test
    void ksvdNeverRaisesTheObjectiveAndExactNeverLessThanPower() {
        double before = objective(c, d);
        Result power = run(new KsvdUpdate(backend, effort, RankOneFit.power(backend, effort, MOST, 1)));
        assertTrue(objective(power.codes, power.dictionary) < before);
    }

    @Test
    void ksvdKeepsTheSupportAndUnitAtoms() {
        Result result = run(new KsvdUpdate(backend, effort, RankOneFit.power(backend, effort, MOST, 8)));
        for (int i = 0; i < D2; i++) {
            for (int j = 0; j < K; j++) {
                assertEquals(c[i][j] != 0, result.codes[i][j] != 0);
            }
        }
        for (double[] atom : result.dictionary) {
            assertEquals(1, Plain.dot(new double[][] {atom}, new double[][] {atom}), 1e-5);
        }
    }

    /** Blocks on and off the number of atoms; one block of all. */
    @ParameterizedTest
    @ValueSource(ints = {1, 4, 5, 12, 64})
    void blockedEqualsItsPlainLoops(int atoms) {
        assertNear(plainBlocked(atoms), run(new BlockedKsvdUpdate(backend, effort, atoms)), 1e-5);
    }

    @Test
    void blockedEqualsItsPlainLoopsOnEmulatedCuda() {
        try (Backend cuda = TestBackends.emulated()) {
            assertNear(plainBlocked(5), run(cuda, new BlockedKsvdUpdate(cuda, new Effort(cuda), 5)), 1e-5);
            assertEquals(0, cuda.allocatedBytes());
        }
    }

    @Test
    void blocksOfOneAreTheAtomByAtomUpdate() {
        assertNear(plainApproximate(), run(new BlockedKsvdUpdate(backend, effort, 1)), 1e-5);
    }

    /** From c = F d, where a power iteration on d first arrives. */
    @Test
    void blockOfOneIsAPowerIterationOnFittedCodes() {
        double[][] atom = {d[3]};
        double[][] fitted = Plain.product(y, Plain.transpose(atom));
        for (int i = 0; i < D2; i += 3) {
            fitted[i][0] = 0;
        }
        double[][] dictionaries = new double[2][];
        double[][] values = new double[2][];
        DictionaryUpdate[] updates = {
            new KsvdUpdate(backend, effort, RankOneFit.power(backend, effort, 1, 1)),
            new BlockedKsvdUpdate(backend, effort, 1)
        };
        for (int i = 0; i < 2; i++) {
            try (Matrix target = upload(y);
                    Matrix dictionary = upload(atom);
                    Matrix codes = upload(fitted);
                    Scratch own = new Scratch(backend)) {
                DeadAtoms deadAtoms = new DeadAtoms(backend, own, target);
                updates[i].update(target, dictionary, codes, deadAtoms);
                assertEquals(0, deadAtoms.replaced());
                dictionaries[i] = Plain.flat(Plain.matrix(1, R, backend.readFloats(dictionary)));
                values[i] = Plain.flat(Plain.matrix(D2, 1, backend.readFloats(codes)));
            }
        }
        assertArrayEquals(dictionaries[0], dictionaries[1], 1e-5);
        assertArrayEquals(values[0], values[1], 1e-4);
    }

    @Test
    void blockedNeverRaisesTheObjectiveHoweverCorrelatedTheAtoms() {
        for (int j = 1; j < K; j++) {
            for (int i = 0; i < R; i++) {
                d[j][i] = d[0][i] + 0.02 * d[j][i];
            }
        }
        unitRows(d);
        double last = objective(c, d);
        try (Matrix target = upload(y);
                Matrix dictionary = upload(d);
                Matrix codes = upload(c);
                Scratch own = new Scratch(backend)) {
            DeadAtoms deadAtoms = new DeadAtoms(backend, own, target);
            for (int turn = 0; turn < 12; turn++) {
                new BlockedKsvdUpdate(backend, effort, 5).update(target, dictionary, codes, deadAtoms);
                assertEquals(0, deadAtoms.replaced());
                double error = objective(
                        Plain.matrix(D2, K, backend.readFloats(codes)),
                        Plain.matrix(K, R, backend.readFloats(dictionary)));
                assertTrue(error < last * (1 + 1e-6), error + " after " + last);
                last = error;
            }
        }
    }

    @Test
    void blockedKeepsTheSupportAndUnitAtomsAndRepeatsItsBits() {
        Result result = run(BlockedKsvdUpdate.standard(backend, effort));
        for (int i = 0; i < D2; i++) {
            for (int j = 0; j < K; j++) {
                assertEquals(c[i][j] != 0, result.codes[i][j] != 0);
            }
        }
        for (double[] atom : result.dictionary) {
            assertEquals(1, Plain.dot(new double[][] {atom}, new double[][] {atom}), 1e-5);
        }
        Result again = run(BlockedKsvdUpdate.standard(backend, effort));
        assertArrayEquals(result.codes, again.codes);
        assertArrayEquals(result.dictionary, again.dictionary);
    }

    @Test
    void modSolvesTheNormalEquations() {
        Result result = run(new ModUpdate(backend, effort, scratch, K, R));
        double[][] gradient = Plain.product(Plain.transpose(c), Plain.minus(y, Plain.product(c, result.dictionary)));
        double[][] scale = Plain.product(Plain.transpose(c), y);
        assertTrue(
                Math.sqrt(Plain.dot(gradient, gradient) / Plain.dot(scale, scale)) < 1e-5,
                "the ridge of 1e-6 is all that is left");
    }

    @Test
    void unusedAtomIsReplacedByTheWorstCodedRowAndCounted() {
        for (double[] row : c) {
            row[5] = 0;
        }
        Arrays.fill(c[31], 0);
        for (int j = 0; j < R; j++) {
            y[31][j] *= 4;
        }
        for (DictionaryUpdate update : new DictionaryUpdate[] {
            new ModUpdate(backend, effort, scratch, K, R),
            new KsvdUpdate(backend, effort, RankOneFit.power(backend, effort, MOST, 2)),
            new BlockedKsvdUpdate(backend, effort, 5),
        }) {
            Result result = run(update);
            assertEquals(1, result.replaced);
            double[] atom = result.dictionary[5];
            double norm = Math.sqrt(Plain.dot(new double[][] {atom}, new double[][] {atom}));
            double rowNorm = Math.sqrt(Plain.dot(new double[][] {y[31]}, new double[][] {y[31]}));
            double cosine = Plain.dot(new double[][] {atom}, new double[][] {y[31]}) / norm / rowNorm;
            assertEquals(1, cosine, 1e-5);
        }
    }

    private record Result(double[][] dictionary, double[][] codes, int replaced) {}

    private Result run(DictionaryUpdate update) {
        return run(backend, update);
    }

    private Result run(Backend on, DictionaryUpdate update) {
        try (Matrix target = upload(on, y);
                Matrix dictionary = upload(on, d);
                Matrix codes = upload(on, c);
                Scratch own = new Scratch(on)) {
            DeadAtoms deadAtoms = new DeadAtoms(on, own, target);
            deadAtoms.look(new Effort(on), codes, dictionary);
            update.update(target, dictionary, codes, deadAtoms);
            return new Result(
                    Plain.matrix(K, R, on.readFloats(dictionary)),
                    Plain.matrix(D2, K, on.readFloats(codes)),
                    deadAtoms.replaced());
        }
    }

    private Matrix upload(double[][] a) {
        return upload(backend, a);
    }

    private static Matrix upload(Backend on, double[][] a) {
        Matrix matrix = on.allocate(a.length, a[0].length, DType.F32);
        on.write(matrix, Plain.floats(a));
        return matrix;
    }

    private double objective(double[][] codes, double[][] dictionary) {
        double[][] lost = Plain.minus(y, Plain.product(codes, dictionary));
        return Plain.dot(lost, lost);
    }

    private static void assertNear(Result expected, Result actual, double tolerance) {
        double[][] product = Plain.product(expected.codes, expected.dictionary);
        double[][] difference = Plain.minus(product, Plain.product(actual.codes, actual.dictionary));
        assertTrue(Math.sqrt(Plain.dot(difference, difference) / Plain.dot(product, product)) < tolerance);
    }

    /** Atom by atom from the definition: residual without the atom, restricted to its users, power iterations. */
    private Result plainKsvd(int iterations) {
        double[][] dictionary = Plain.matrix(K, R, Plain.flat(d));
        double[][] codes = Plain.matrix(D2, K, Plain.flat(c));
        for (int atom = 0; atom < K; atom++) {
            double[][] e = Plain.minus(y, Plain.product(codes, dictionary));
            double[] u = dictionary[atom].clone();
            double[] v = new double[D2];
            for (int i = 0; i < D2; i++) {
                for (int j = 0; j < R; j++) {
                    e[i][j] = codes[i][atom] == 0 ? 0 : e[i][j] + codes[i][atom] * dictionary[atom][j];
                }
            }
            for (int t = 0; t <= iterations; t++) {
                for (int i = 0; i < D2; i++) {
                    v[i] = 0;
                    for (int j = 0; j < R; j++) {
                        v[i] += e[i][j] * u[j];
                    }
                }
                if (t == iterations) {
                    break;
                }
                double norm = 0;
                for (int j = 0; j < R; j++) {
                    u[j] = 0;
                    for (int i = 0; i < D2; i++) {
                        u[j] += e[i][j] * v[i];
                    }
                    norm += u[j] * u[j];
                }
                for (int j = 0; j < R; j++) {
                    u[j] /= Math.sqrt(norm);
                }
            }
            dictionary[atom] = u;
            for (int i = 0; i < D2; i++) {
                codes[i][atom] = v[i];
            }
        }
        return new Result(dictionary, codes, 0);
    }

    /** Rubinstein's: {@code d <- Fᵀc / ‖Fᵀc‖, c <- F d}, one atom after the other. */
    private Result plainApproximate() {
        double[][] dictionary = Plain.matrix(K, R, Plain.flat(d));
        double[][] codes = Plain.matrix(D2, K, Plain.flat(c));
        for (int atom = 0; atom < K; atom++) {
            double[][] f = Plain.minus(y, Plain.product(codes, dictionary));
            double[] u = new double[R];
            for (int i = 0; i < D2; i++) {
                for (int j = 0; j < R; j++) {
                    f[i][j] += codes[i][atom] * dictionary[atom][j];
                    u[j] += codes[i][atom] * f[i][j];
                }
            }
            dictionary[atom] = unitRows(new double[][] {u})[0];
            for (int i = 0; i < D2; i++) {
                codes[i][atom] =
                        codes[i][atom] == 0 ? 0 : Plain.dot(new double[][] {f[i]}, new double[][] {dictionary[atom]});
            }
        }
        return new Result(dictionary, codes, 0);
    }

    /** Each atom of a block by least squares, then unit norms, then each atom's codes; the residual afresh every time. */
    private Result plainBlocked(int atoms) {
        double[][] dictionary = Plain.matrix(K, R, Plain.flat(d));
        double[][] codes = Plain.matrix(D2, K, Plain.flat(c));
        for (int from = 0; from < K; from += atoms) {
            int to = Math.min(K, from + atoms);
            for (int atom = from; atom < to; atom++) {
                double[][] e = Plain.minus(y, Plain.product(codes, dictionary));
                double energy = 0;
                double[] change = new double[R];
                for (int i = 0; i < D2; i++) {
                    energy += codes[i][atom] * codes[i][atom];
                    for (int j = 0; j < R; j++) {
                        change[j] += codes[i][atom] * e[i][j];
                    }
                }
                for (int j = 0; j < R; j++) {
                    dictionary[atom][j] += change[j] / energy;
                }
            }
            for (int atom = from; atom < to; atom++) {
                double norm =
                        Math.sqrt(Plain.dot(new double[][] {dictionary[atom]}, new double[][] {dictionary[atom]}));
                for (int j = 0; j < R; j++) {
                    dictionary[atom][j] /= norm;
                }
                for (int i = 0; i < D2; i++) {
                    codes[i][atom] *= norm;
                }
            }
            for (int atom = from; atom < to; atom++) {
                double[][] e = Plain.minus(y, Plain.product(codes, dictionary));
                for (int i = 0; i < D2; i++) {
                    codes[i][atom] += codes[i][atom] == 0
                            ? 0
                            : Plain.dot(new double[][] {e[i]}, new double[][] {dictionary[atom]});
                }
            }
        }
        return new Result(dictionary, codes, 0);
    }

    private static double[][] sparse(int rows, int cols, int s, Random random) {
        double[][] a = new double[rows][cols];
        for (double[] row : a) {
            for (int placed = 0; placed < s; ) {
                int j = random.nextInt(cols);
                if (row[j] == 0) {
                    row[j] = (float) random.nextGaussian();
                    placed++;
                }
            }
        }
        return a;
    }

    private static double[][] unitRows(double[][] a) {
        for (double[] row : a) {
            double norm = Math.sqrt(Plain.dot(new double[][] {row}, new double[][] {row}));
            for (int j = 0; j < row.length; j++) {
                row[j] = (float) (row[j] / norm);
            }
        }
        return a;
    }
}
