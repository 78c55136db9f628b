package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** K-SVD's update of atoms against its definition in f64, with E = Y − C D computed afresh for every atom. */
abstract class AbstractAtomUpdatesTest extends AbstractBackendTest {
    /** Y, D of unit atoms and C with every {@code sparsity}-th entry. */
    private final class Problem {
        final int d2;
        final int k;
        final int r;
        final double[] target;
        final double[] dictionary;
        final double[] codes;
        final double[] residual;
        final int[][] users;

        Problem(int d2, int k, int r, int sparsity) {
            this.d2 = d2;
            this.k = k;
            this.r = r;
            dictionary = normal(k * r);
            codes = normal(d2 * k);
            for (int i = 0; i < k; i++) {
                double norm = 0;
                for (int j = 0; j < r; j++) {
                    norm += dictionary[i * r + j] * dictionary[i * r + j];
                }
                for (int j = 0; j < r; j++) {
                    dictionary[i * r + j] = (float) (dictionary[i * r + j] / Math.sqrt(norm));
                }
            }
            for (int i = 0; i < d2 * k; i++) {
                codes[i] = (i / k + i % k) % sparsity == 0 ? codes[i] : 0;
            }
            target = product(codes, false, dictionary, false, d2, r, k)[0];
            double[] noise = normal(d2 * r);
            for (int i = 0; i < d2 * r; i++) {
                target[i] = (float) (target[i] + 0.3 * noise[i] / Math.sqrt(r));
            }
            residual = doubles(floats(left(codes, dictionary)));
            users = new int[k][];
            for (int atom = 0; atom < k; atom++) {
                int column = atom;
                users[atom] = IntStream.range(0, d2)
                        .filter(i -> codes[i * k + column] != 0)
                        .toArray();
            }
        }

        /** Y − C D */
        double[] left(double[] withCodes, double[] withDictionary) {
            double[] left = product(withCodes, false, withDictionary, false, d2, r, k)[0];
            Arrays.setAll(left, i -> target[i] - left[i]);
            return left;
        }

        void update(int atom, double[] newCodes, double[] newDictionary, int iterations) {
            double[] error = left(newCodes, newDictionary);
            int[] rows = users[atom];
            double[] f = new double[rows.length * r];
            double[] u = Arrays.copyOfRange(newDictionary, atom * r, (atom + 1) * r);
            for (int i = 0; i < rows.length; i++) {
                for (int j = 0; j < r; j++) {
                    f[i * r + j] = error[rows[i] * r + j] + newCodes[rows[i] * k + atom] * u[j];
                }
            }
            for (int t = 0; t < iterations; t++) {
                double[] v = product(f, false, u, false, rows.length, 1, r)[0];
                u = product(v, false, f, false, 1, r, rows.length)[0];
                double norm = Math.sqrt(product(u, false, u, false, 1, 1, r)[0][0]);
                for (int j = 0; j < r; j++) {
                    u[j] /= norm;
                }
            }
            System.arraycopy(u, 0, newDictionary, atom * r, r);
            double[] v = product(f, false, u, false, rows.length, 1, r)[0];
            for (int i = 0; i < rows.length; i++) {
                newCodes[rows[i] * k + atom] = v[i];
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1,1,1,1,1",
        "7,3,5,1,2",
        "9,4,8,2,3",
        "50,12,17,3,8",
        "41,6,64,3,5",
        "33,5,257,2,2",
        "20,3,1030,2,3",
        "90,7,31,4,1",
        "3,9,8,9,2", // atoms that no row uses
    })
    void atomsFollowTheirPowerIterations(int d2, int k, int r, int sparsity, int iterations) {
        Problem problem = new Problem(d2, k, r, sparsity);
        double[] expectedDictionary = problem.dictionary.clone();
        double[] expectedCodes = problem.codes.clone();
        int most = 0;
        for (int atom = 0; atom < k; atom++) {
            if (problem.users[atom].length > 0) {
                problem.update(atom, expectedCodes, expectedDictionary, iterations);
            }
        }
        for (int i = 0; i < d2; i++) {
            most = Math.max(most, (int) Arrays.stream(problem.codes, i * k, (i + 1) * k)
                    .filter(c -> c != 0)
                    .count());
        }
        Matrix residual = output(d2, r, DType.F32, problem.residual);
        Matrix dictionary = output(k, r, DType.F32, problem.dictionary);
        Matrix codes = output(d2, k, DType.F32, problem.codes);
        backend.updateAtoms(residual, dictionary, codes, most, iterations);

        // f32 sums of products of size 1, each atom upon the last one's
        double allowed = 200 * k * SINGLE;
        assertWithin(expectedDictionary, read(dictionary), allowed, "dictionary");
        assertWithin(expectedCodes, read(codes), 4 * allowed, "codes");
        assertWithin(problem.left(expectedCodes, expectedDictionary), read(residual), 4 * allowed, "residual");
        assertUntouched(problem.dictionary, read(dictionary), i -> problem.users[i / r].length == 0);
        assertUntouched(problem.codes, read(codes), i -> problem.codes[i] == 0);
    }

    private static void assertUntouched(double[] before, double[] after, IntPredicate stays) {
        double[] expected = after.clone();
        Arrays.setAll(expected, i -> stays.test(i) ? before[i] : after[i]);
        assertSame(expected, after, "what is not the atoms'");
    }

    @ParameterizedTest
    @CsvSource({"1,1", "1,5", "2,64", "5,63", "7,65", "31,255", "33,257", "63,100", "64,300"})
    void sweepFollowsItsFormula(int b, int n) {
        double[] atoms = normal(b * 16);
        double[] gram = product(atoms, false, atoms, true, b, b, 16)[0];
        double[] support = normal(b * n);
        double[] changes = normal(b * n);
        for (int j = 0; j < b; j++) {
            gram[j * b + j] = j % 7 == 5 ? 0 : gram[j * b + j] + 4; // well conditioned, and atoms of nothing
            for (int i = 0; i < n; i++) {
                support[j * n + i] = (i + j) % 3 == 0 ? (i % 2 == 0 ? 0.0 : -0.0) : support[j * n + i];
            }
        }
        gram = doubles(floats(gram));
        double[] expected = changes.clone();
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < b; j++) {
                for (int l = 0; l < j; l++) {
                    expected[j * n + i] -= gram[j * b + l] * expected[l * n + i];
                }
                boolean takes = support[j * n + i] != 0 && gram[j * b + j] > 0;
                expected[j * n + i] = takes ? expected[j * n + i] / gram[j * b + j] : 0;
            }
        }
        for (int j = 0; j < b; j++) {
            Arrays.fill(gram, j * b + j + 1, (j + 1) * b, Double.NaN); // the upper triangle isn't read
        }
        Matrix m = output(b, b, DType.F32, gram);
        Matrix mask = output(b, n, DType.F32, support);
        Matrix x = output(b, n, DType.F32, changes);
        backend.sweepCodes(m, mask, x);
        double most = Arrays.stream(expected).map(Math::abs).max().orElse(0);
        assertWithin(expected, read(x), 64 * (b + 4) * SINGLE * Math.max(1, most), "changes");
        assertSame(gram, read(m), "products are only read");
        assertSame(support, read(mask), "the support is only read");
    }

    @Test
    void sweepOfNoSignalsOrTooManyAtoms() {
        backend.sweepCodes(matrix(3, 3, DType.F32), matrix(3, 0, DType.F32), matrix(3, 0, DType.F32));
        backend.sweepCodes(matrix(0, 0, DType.F32), matrix(0, 4, DType.F32), matrix(0, 4, DType.F32));
        Matrix gram = matrix(65, 65, DType.F32);
        Matrix support = matrix(65, 2, DType.F32);
        Matrix changes = matrix(65, 2, DType.F32);
        assertThrows(IllegalArgumentException.class, () -> backend.sweepCodes(gram, support, changes));
    }

    /** E = −c dᵀ leaves nothing for the atom, whose length nothing is divided by. */
    @Test
    void atomOfNothingBecomesZero() {
        Matrix residual = output(2, 3, DType.F32, 0, -2, 0, 0, 4, 0);
        Matrix dictionary = output(1, 3, DType.F32, 0, 1, 0);
        Matrix codes = output(2, 1, DType.F32, 2, -4);
        backend.updateAtoms(residual, dictionary, codes, 1, 2);
        assertSame(new double[3], read(dictionary), "dictionary");
        assertSame(new double[2], read(codes), "codes");
        assertSame(new double[6], read(residual), "residual");
    }

    @Test
    void badNumbersAreRefused() {
        Matrix residual = matrix(3, 2, DType.F32);
        Matrix dictionary = matrix(2, 2, DType.F32);
        Matrix codes = matrix(3, 2, DType.F32);
        for (int s : new int[] {-1, 3}) {
            assertThrows(IllegalArgumentException.class, () -> backend.updateAtoms(residual, dictionary, codes, s, 1));
        }
        assertThrows(IllegalArgumentException.class, () -> backend.updateAtoms(residual, dictionary, codes, 1, 0));
    }
}
