package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Selection against sorting, the thresholded step against its formula, pursuit against its definition. */
abstract class AbstractSparseCodingTest extends AbstractBackendTest {
    /** Zeroes all but the s largest magnitudes of each row; a stable sort keeps ties in column order. */
    private static double[] keepLargestBySorting(double[] values, int rows, int cols, int s) {
        double[] kept = new double[values.length];
        for (int i = 0; i < rows; i++) {
            int start = i * cols;
            IntStream.range(start, start + cols)
                    .boxed()
                    .sorted(Comparator.comparingDouble((Integer j) -> -Math.abs(values[j])))
                    .limit(s)
                    .forEach(j -> kept[j] = values[j]);
        }
        return kept;
    }

    @ParameterizedTest
    @CsvSource({"0,5", "1,1", "3,2", "7,15", "5,16", "4,33", "9,526", "40,1000", "3,4171"})
    void exactlyTheLargestAreKept(int rows, int cols) {
        for (int s : new int[] {0, 1, cols / 3, cols / 2, cols - 1, cols}) {
            if (s > cols || s < 0) {
                continue;
            }
            for (int kind = 0; kind < 5; kind++) {
                double[] values = row(kind, rows * cols);
                Matrix matrix = output(rows, cols, DType.F32, values);
                backend.keepLargest(matrix, s);
                assertSame(
                        positiveZeros(keepLargestBySorting(values, rows, cols, s)),
                        positiveZeros(read(matrix)),
                        "kind " + kind + ", s = " + s);
            }
        }
    }

    /** Each group by itself, sorted. */
    private static double[] keepLargestInGroupsBySorting(double[] values, int rows, int cols, int kept, int group) {
        double[] all = new double[values.length];
        for (int i = 0; i < rows; i++) {
            for (int from = i * cols; from < (i + 1) * cols; from += group) {
                int count = Math.min(group, (i + 1) * cols - from);
                double[] own = Arrays.copyOfRange(values, from, from + count);
                System.arraycopy(keepLargestBySorting(own, 1, count, kept), 0, all, from, count);
            }
        }
        return all;
    }

    @ParameterizedTest
    @CsvSource({"0,5", "1,1", "3,2", "7,15", "5,16", "4,33", "9,526", "40,1000", "3,4171"})
    void exactlyTheLargestOfEveryGroupAreKept(int rows, int cols) {
        for (int group : new int[] {1, 4, 16, 32}) {
            for (int kept : new int[] {0, 1, group / 2, group}) {
                for (int kind = 0; kind < 5; kind++) {
                    double[] values = row(kind, rows * cols);
                    Matrix matrix = output(rows, cols, DType.F32, values);
                    backend.keepLargestInGroups(matrix, kept, group);
                    assertSame(
                            positiveZeros(keepLargestInGroupsBySorting(values, rows, cols, kept, group)),
                            positiveZeros(read(matrix)),
                            "kind " + kind + ", " + kept + " of " + group);
                }
            }
        }
    }

    /** The sign of a zero says nothing. */
    private static double[] positiveZeros(double[] values) {
        return Arrays.stream(values).map(value -> value + 0.0).toArray();
    }

    /** Normal, ties everywhere, all equal, mostly zero, and the whole range of exponents. */
    private double[] row(int kind, int count) {
        double[] values = normal(count);
        for (int i = 0; i < count; i++) {
            values[i] = switch (kind) {
                case 0 -> values[i];
                case 1 -> Math.rint(2 * values[i]) / 2;
                case 2 -> values[i] < 0 ? -3 : 3;
                case 3 -> values[i] > 1.5 ? values[i] : values[i] > 0 ? 0.0 : -0.0;
                default -> (float) (values[i] * Math.pow(2, random.nextInt(270) - 148));
            };
        }
        return values;
    }

    @Test
    void patternRestrictsValues() {
        for (int cols : new int[] {0, 1, 7, 4097}) {
            double[] pattern = row(3, 3 * cols);
            if (cols > 1) {
                pattern[1] = Float.MIN_VALUE;
            }
            double[] values = normal(3 * cols);
            double[] expected = new double[3 * cols];
            for (int i = 0; i < expected.length; i++) {
                expected[i] = pattern[i] != 0 ? values[i] : 0;
            }
            Matrix mask = matrix(3, cols, DType.F32, pattern);
            Matrix from = output(3, cols, DType.F32, values);
            Matrix out = output(3, cols, DType.F32);
            backend.restrictTo(mask, from, out);
            assertSame(expected, read(out), "restrictTo");
            backend.restrictTo(mask, from, from);
            assertSame(expected, read(from), "in place");
        }
    }

    @Test
    void rowsThatUseAnAtomAreListed() {
        double[] codes = {1, 0, -0.0, 0, 2, 0, 3, Float.MIN_VALUE, 0};
        int[][] rows = backend.rowsUsing(matrix(3, 3, DType.F32, codes));
        assertArrayEquals(new int[][] {{0, 2}, {1, 2}, {}}, rows);
        assertArrayEquals(new int[0][], backend.rowsUsing(matrix(3, 0, DType.F32)));
    }

    @ParameterizedTest
    @CsvSource({"0,5,2", "1,1,1", "6,15,4", "11,33,16", "20,526,263", "3,64,64", "3,64,0"})
    void thresholdedStepFollowsItsFormula(int rows, int k, int s) {
        checkSteps(rows, k, s, k, false);
    }

    @ParameterizedTest
    @CsvSource({"0,5,2,4", "1,1,1,2", "6,15,4,8", "11,33,8,16", "20,528,8,16", "20,526,2,4", "3,64,16,32", "3,64,0,4"})
    void thresholdedStepFollowsItsFormulaInGroups(int rows, int k, int kept, int group) {
        checkSteps(rows, k, kept, group, true);
    }

    /** Selecting s of every {@code group} columns; by the verb for groups or the one for whole rows. */
    private void checkSteps(int rows, int k, int s, int group, boolean inGroups) {
        double[] codes = keepLargestInGroupsBySorting(normal(rows * k), rows, k, s, Math.max(1, group));
        double[] residual = normal(rows * k);
        double[] gradient = new double[rows * k];
        double[] curvature = normal(rows * k);
        for (int i = 0; i < rows * k; i++) {
            gradient[i] = codes[i] != 0 ? residual[i] : 0;
            // mostly along the gradient, so that most denominators are positive
            curvature[i] = (float) (curvature[i] + 2 * gradient[i]);
        }
        if (rows > 2) {
            Arrays.fill(gradient, 0, k, 0);
            Arrays.setAll(curvature, i -> i >= k && i < 2 * k ? -gradient[i] : curvature[i]);
        }
        Matrix updated = output(rows, k, DType.F32, codes);
        Matrix r = matrix(rows, k, DType.F32, residual);
        Matrix g = matrix(rows, k, DType.F32, gradient);
        Matrix c = matrix(rows, k, DType.F32, curvature);
        if (inGroups) {
            backend.hardThresholdStepInGroups(updated, r, g, c, s, group);
        } else {
            backend.hardThresholdStep(updated, r, g, c, s);
        }
        double[] found = read(updated);
        for (int i = 0; i < rows; i++) {
            checkStep(codes, residual, gradient, curvature, found, i * k, k, s, group, rows > 2 && i < 2);
        }
    }

    /**
     * The step's sums are f32 in any order: its relative error is at most about 2 (k + 2) u |g||c| / (g·c). Kept entries
     * equal codes + step · residual within that; dropped ones are no larger than the smallest kept, within it.
     */
    private static void checkStep(
            double[] codes,
            double[] residual,
            double[] gradient,
            double[] curvature,
            double[] found,
            int at,
            int k,
            int s,
            int group,
            boolean noStep) {
        double squared = 0;
        double curved = 0;
        double magnitudes = 0;
        for (int j = at; j < at + k; j++) {
            squared += gradient[j] * gradient[j];
            curved += gradient[j] * curvature[j];
            magnitudes += Math.abs(gradient[j] * curvature[j]);
        }
        double step = squared > 0 && curved > 0 ? squared / curved : 0;
        assertEquals(noStep, noStep && step == 0, "the rows made to take no step");
        double relative = curved > 0 ? 2 * (k + 4) * SINGLE * Math.max(1, magnitudes / curved) : 0;
        for (int from = at; from < at + k; from += group) {
            checkSelection(codes, residual, found, step, relative, from, Math.min(from + group, at + k), s);
        }
    }

    private static void checkSelection(
            double[] codes, double[] residual, double[] found, double step, double relative, int from, int to, int s) {
        double smallestKept = Double.POSITIVE_INFINITY;
        double largestDropped = 0;
        double slack = 0;
        int kept = 0;
        for (int j = from; j < to; j++) {
            double moved = codes[j] + step * residual[j];
            double allowance = (relative + 4 * SINGLE) * (Math.abs(step * residual[j]) + Math.abs(codes[j]));
            slack = Math.max(slack, allowance);
            if (found[j] != 0) {
                kept++;
                assertEquals(moved, found[j], allowance, "kept entry " + j);
                smallestKept = Math.min(smallestKept, Math.abs(moved));
            } else {
                largestDropped = Math.max(largestDropped, Math.abs(moved));
            }
        }
        assertTrue(kept <= s, "at most s kept");
        assertTrue(largestDropped <= smallestKept + 2 * slack || kept < s && largestDropped == 0, "the largest stay");
    }

    @ParameterizedTest
    @CsvSource({"0,4,2,9", "1,1,1,3", "3,5,5,8", "7,16,5,20", "9,33,17,40", "70,60,30,70", "5,129,64,150"})
    void pursuitFollowsItsDefinition(int rows, int k, int s, int d) {
        Dictionary dictionary = new Dictionary(k, d);
        double[] signals = normal(rows * d);
        double[] correlations = dictionary.correlations(signals, rows);
        Matrix codes = output(rows, k, DType.F32);
        backend.orthogonalMatchingPursuit(
                matrix(k, k, DType.F32, dictionary.gram), matrix(rows, k, DType.F32, correlations), s, codes);
        double[] found = read(codes);
        for (int i = 0; i < rows; i++) {
            double[] expected = dictionary.pursue(Arrays.copyOfRange(correlations, i * k, (i + 1) * k), s);
            // f32 Gram and factor: the condition number of a random sub-dictionary with s <= d/2 stays below about 100
            assertWithin(expected, Arrays.copyOfRange(found, i * k, (i + 1) * k), 100 * s * SINGLE * 8, "row " + i);
        }
    }

    /** Random unit atoms, and matching pursuit as it is defined: each step solves its least squares afresh in f64. */
    private final class Dictionary {
        final int k;
        final int d;
        final double[] atoms;
        final double[] gram;

        Dictionary(int k, int d) {
            this.k = k;
            this.d = d;
            atoms = normal(k * d);
            for (int i = 0; i < k; i++) {
                double norm = 0;
                for (int j = 0; j < d; j++) {
                    norm += atoms[i * d + j] * atoms[i * d + j];
                }
                for (int j = 0; j < d; j++) {
                    atoms[i * d + j] /= Math.sqrt(norm);
                }
            }
            gram = rounded(product(atoms, false, atoms, true, k, k, d)[0]);
        }

        double[] correlations(double[] signals, int rows) {
            return rounded(product(signals, false, atoms, true, rows, k, d)[0]);
        }

        double[] pursue(double[] correlations, int s) {
            double[] codes = new double[k];
            boolean[] chosen = new boolean[k];
            int[] support = new int[s];
            for (int step = 0; step < s; step++) {
                int best = -1;
                double most = 0;
                for (int j = 0; j < k; j++) {
                    double residual = correlations[j];
                    for (int l = 0; l < step; l++) {
                        residual -= gram[support[l] * k + j] * codes[support[l]];
                    }
                    if (!chosen[j] && Math.abs(residual) > most) {
                        most = Math.abs(residual);
                        best = j;
                    }
                }
                chosen[best] = true;
                support[step] = best;
                double[] solution = leastSquares(correlations, support, step + 1);
                for (int l = 0; l <= step; l++) {
                    codes[support[l]] = solution[l];
                }
            }
            return codes;
        }

        /** Gaussian elimination of the chosen Gram block. */
        private double[] leastSquares(double[] correlations, int[] support, int n) {
            double[][] a = new double[n][n + 1];
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    a[i][j] = gram[support[i] * k + support[j]];
                }
                a[i][n] = correlations[support[i]];
            }
            for (int p = 0; p < n; p++) {
                for (int i = p + 1; i < n; i++) {
                    double factor = a[i][p] / a[p][p];
                    for (int j = p; j <= n; j++) {
                        a[i][j] -= factor * a[p][j];
                    }
                }
            }
            double[] x = new double[n];
            for (int i = n - 1; i >= 0; i--) {
                double sum = a[i][n];
                for (int j = i + 1; j < n; j++) {
                    sum -= a[i][j] * x[j];
                }
                x[i] = sum / a[i][i];
            }
            return x;
        }
    }

    private static double[] rounded(double[] values) {
        return doubles(floats(values));
    }

    @Test
    void equalCorrelationsGoToTheLowerAtom() {
        double[] identity = new double[36];
        for (int i = 0; i < 6; i++) {
            identity[i * 6 + i] = 1;
        }
        Matrix codes = output(2, 6, DType.F32);
        double[] correlations = {1, -2, 2, 0.5, -2, 1, 3, 3, 3, 3, 3, -3};
        backend.orthogonalMatchingPursuit(
                matrix(6, 6, DType.F32, identity), matrix(2, 6, DType.F32, correlations), 2, codes);
        assertSame(new double[] {0, -2, 2, 0, 0, 0, 3, 3, 0, 0, 0, 0}, read(codes), "ties");
    }

    /** The second atom is the first again: it can explain nothing more, and must not be divided by its zero distance. */
    @Test
    void dependentAtomsArePassedOver() {
        double[] gram = {1, 1, 0.5, 1, 1, 0.5, 0.5, 0.5, 1};
        Matrix codes = output(2, 3, DType.F32);
        backend.orthogonalMatchingPursuit(
                matrix(3, 3, DType.F32, gram), matrix(2, 3, DType.F32, 2, 2, 1.5, 1, 1, 0.5), 3, codes);
        // row 0: [1, .5; .5, 1] x = (2, 1.5); row 1 is atom 0 itself, nothing is left after one step
        assertWithin(new double[] {5 / 3.0, 0, 2 / 3.0, 1, 0, 0}, read(codes), 8 * SINGLE, "codes");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 8})
    void signalOfFewAtomsNeedsNoMore(int atoms) {
        int k = 20;
        Dictionary dictionary = new Dictionary(k, 400);
        double[] truth = new double[k];
        for (int j = 0; j < atoms; j++) {
            truth[2 * j] = j % 2 == 0 ? 2 + j : -2 - j;
        }
        double[] correlations = rounded(product(truth, false, dictionary.gram, true, 1, k, k)[0]);
        Matrix codes = output(1, k, DType.F32);
        backend.orthogonalMatchingPursuit(
                matrix(k, k, DType.F32, dictionary.gram), matrix(1, k, DType.F32, correlations), 16, codes);
        // what is left after the true atoms is rounding of the correlations
        assertWithin(truth, read(codes), 100 * SINGLE * 10, "recovered");
    }

    @Test
    void signalOfNothingHasNoCodes() {
        Matrix codes = output(1, 3, DType.F32, 1, 2, 3);
        backend.orthogonalMatchingPursuit(
                matrix(3, 3, DType.F32, 1, 0, 0, 0, 1, 0, 0, 0, 1), matrix(1, 3, DType.F32), 2, codes);
        assertSame(new double[3], read(codes), "no correlation, no atom");
    }
}
