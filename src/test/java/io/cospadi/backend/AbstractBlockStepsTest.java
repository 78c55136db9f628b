package io.cospadi.backend;

import io.cospadi.tensor.DType;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The steps between the products of the `block` solver against their formulas in f64. */
abstract class AbstractBlockStepsTest extends AbstractBackendTest {
    @ParameterizedTest
    @CsvSource({"0,1,1", "1,1,3", "7,5,4", "3,33,257", "40,2,1030"})
    void atomsOfUnitNormLeaveTheProductAsItWas(int d2, int k, int r) {
        double[] dictionary = normal(k * r);
        double[] previous = normal(k * r);
        double[] codes = normal(d2 * k);
        if (k > 1) {
            Arrays.fill(dictionary, r, 2 * r, 0);
        }
        double[] expectedDictionary = new double[k * r];
        double[] expectedPrevious = new double[k * r];
        double[] expectedCodes = new double[d2 * k];
        for (int i = 0; i < k; i++) {
            double norm = 0;
            for (int j = 0; j < r; j++) {
                norm += dictionary[i * r + j] * dictionary[i * r + j];
            }
            norm = Math.sqrt(norm);
            for (int j = 0; j < r; j++) {
                expectedDictionary[i * r + j] = norm > 0 ? dictionary[i * r + j] / norm : 0;
                expectedPrevious[i * r + j] = norm > 0 ? previous[i * r + j] / norm : 0;
            }
            for (int row = 0; row < d2; row++) {
                expectedCodes[row * k + i] = codes[row * k + i] * norm;
            }
        }
        Matrix first = output(k, r, DType.F32, dictionary);
        Matrix second = output(k, r, DType.F32, previous);
        Matrix third = output(d2, k, DType.F32, codes);
        backend.normalizeAtoms(first, second, third);
        // squares and root are rounded to f32, then the factor and the product
        assertWithin(expectedDictionary, read(first), allowance(expectedDictionary), "dictionary");
        assertWithin(expectedPrevious, read(second), allowance(expectedPrevious), "previous");
        assertWithin(expectedCodes, read(third), allowance(expectedCodes), "codes");
    }

    /** Ties, NaN, zeros of both signs; none unused, one, several, all; more of them than rows. */
    @ParameterizedTest
    @CsvSource({
        "1,1,3,1",
        "0,3,2,3",
        "3,0,2,0",
        "7,5,4,0",
        "7,5,4,1",
        "9,40,300,7",
        "5,40,3,40",
        "700,300,5,290",
        "300,3,1,3"
    })
    void unusedAtomsTakeTheRowsCodedWorst(int d2, int k, int r, int unused) {
        double[] usage = new double[k];
        Arrays.setAll(usage, i -> i < unused ? i % 3 == 2 ? Double.NaN : i % 2 == 0 ? 0.0 : -0.0 : Float.MIN_VALUE);
        shuffle(usage);
        double[] errors = new double[d2];
        Arrays.setAll(errors, i -> i % 7 == 5 ? Double.NaN : i % 4 == 0 ? i % 8 == 0 ? 0.0 : -0.0 : random.nextInt(40));
        double[] target = normal(d2 * r);
        double[] codes = normal(d2 * k);
        double[] dictionary = normal(k * r);
        double[] previous = normal(k * r);
        Matrix c = output(d2, k, DType.F32, codes);
        Matrix d = output(k, r, DType.F32, dictionary);
        Matrix p = output(k, r, DType.F32, previous);
        Matrix replaced = output(1, 1, DType.F64, 5);
        boolean[] taken = new boolean[d2];
        int count = 0;
        for (int atom = 0; atom < k; atom++) {
            int worst = -1;
            for (int row = 0; row < d2 && !(usage[atom] > 0); row++) {
                boolean worse = worst < 0
                        || Double.isNaN(errors[worst]) && !Double.isNaN(errors[row])
                        || errors[row] > errors[worst];
                worst = !taken[row] && worse ? row : worst;
            }
            if (worst >= 0) {
                taken[worst] = true;
                count++;
                System.arraycopy(target, worst * r, dictionary, atom * r, r);
                System.arraycopy(target, worst * r, previous, atom * r, r);
                Arrays.fill(codes, worst * k, (worst + 1) * k, 0);
                codes[worst * k + atom] = 1;
            }
        }
        Matrix u = matrix(1, k, DType.F32, usage);
        Matrix e = matrix(1, d2, DType.F64, errors);
        Matrix y = matrix(d2, r, DType.F32, target);
        backend.replaceUnused(u, e, y, c, d, p, replaced);
        assertSame(new double[] {5.0 + count}, read(replaced), "replaced");
        assertSame(dictionary, read(d), "dictionary");
        assertSame(previous, read(p), "previous");
        assertSame(codes, read(c), "codes");
        // the same again, into one dictionary: rows' errors stay, so the same rows are taken
        backend.replaceUnused(u, e, y, c, d, d, replaced);
        assertSame(new double[] {5.0 + 2 * count}, read(replaced), "replaced twice");
        assertSame(dictionary, read(d), "dictionary alone");
        assertSame(codes, read(c), "codes again");
    }

    private void shuffle(double[] values) {
        for (int i = values.length - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            double value = values[i];
            values[i] = values[j];
            values[j] = value;
        }
    }

    private static double[] allowance(double[] values) {
        return Arrays.stream(values).map(value -> 4 * SINGLE * Math.abs(value)).toArray();
    }

    @ParameterizedTest
    @CsvSource({"0,0,0.5", "1,1,0", "3,341,0.7", "2,5000,-0.25"})
    void extrapolationGoesBeyondTheFit(int rows, int cols, double relaxation) {
        double[] fitted = normal(rows * cols);
        double[] previous = normal(rows * cols);
        double[] expected = new double[rows * cols];
        double[] allowance = new double[rows * cols];
        for (int i = 0; i < expected.length; i++) {
            expected[i] = (1 + relaxation) * fitted[i] - relaxation * previous[i];
            allowance[i] = 3 * SINGLE * (Math.abs((1 + relaxation) * fitted[i]) + Math.abs(relaxation * previous[i]));
        }
        Matrix out = output(rows, cols, DType.F32);
        Matrix x = output(rows, cols, DType.F32, fitted);
        Matrix y = matrix(rows, cols, DType.F32, previous);
        backend.extrapolate(relaxation, x, y, out);
        assertWithin(expected, read(out), allowance, "extrapolate");
        backend.extrapolate(relaxation, x, y, x);
        assertSame(read(out), read(x), "in place");
    }

    @ParameterizedTest
    @CsvSource({"0,5", "1,1", "5,3", "9,33", "4,256", "3,1000", "2,4171"})
    void conjugateStepFollowsItsFormula(int rows, int k) {
        double[] support = normal(rows * k);
        double[] image = normal(rows * k);
        double[] codes = normal(rows * k);
        double[] residual = normal(rows * k);
        double[] direction = normal(rows * k);
        double[] energy = new double[rows];
        for (int i = 0; i < rows * k; i++) {
            support[i] = support[i] > 0 ? i % 5 == 0 ? Float.MIN_VALUE : support[i] : i % 2 == 0 ? 0.0 : -0.0;
            residual[i] = support[i] != 0 ? residual[i] : 0;
            // mostly along the direction, so that most curvatures are positive
            direction[i] = support[i] != 0 ? direction[i] : 0;
            image[i] = (float) (image[i] + 2 * direction[i]);
            energy[i / k] += residual[i] * residual[i];
        }
        if (rows > 3) {
            // a row that is fitted exactly, and one whose curvature is negative
            Arrays.fill(residual, k, 2 * k, 0);
            Arrays.fill(direction, k, 2 * k, 0);
            energy[1] = 0;
            for (int j = 2 * k; j < 3 * k; j++) {
                image[j] = -direction[j];
            }
        }
        energy = doubles(floats(energy));
        Matrix c = output(rows, k, DType.F32, codes);
        Matrix r = output(rows, k, DType.F32, residual);
        Matrix d = output(rows, k, DType.F32, direction);
        Matrix e = output(1, rows, DType.F32, energy);
        Matrix q = output(rows, k, DType.F32, image);
        backend.conjugateGradientStep(matrix(rows, k, DType.F32, support), q, c, r, d, e);
        for (int row = 0; row < rows; row++) {
            conjugateStep(support, image, codes, residual, direction, energy, row * k, k, row);
        }
        assertWithin(codes, read(c), conjugateAllowance(codes), "codes");
        assertWithin(residual, read(r), conjugateAllowance(residual), "residual");
        assertWithin(direction, read(d), conjugateAllowance(direction), "direction");
        assertWithin(energy, read(e), conjugateAllowance(energy), "energy");
    }

    private static double[] conjugateAllowance(double[] values) {
        return Arrays.stream(values)
                .map(value -> 64 * SINGLE * Math.max(1, Math.abs(value)))
                .toArray();
    }

    /** In f64, in place. */
    private static void conjugateStep(
            double[] support,
            double[] image,
            double[] codes,
            double[] residual,
            double[] direction,
            double[] energy,
            int from,
            int k,
            int row) {
        double curvature = 0;
        for (int j = from; j < from + k; j++) {
            curvature += support[j] != 0 ? direction[j] * image[j] : 0;
        }
        double step = curvature > 0 ? energy[row] / curvature : 0;
        double after = 0;
        for (int j = from; j < from + k; j++) {
            codes[j] += step * direction[j];
            residual[j] -= support[j] != 0 ? step * image[j] : 0;
            after += residual[j] * residual[j];
        }
        double kept = energy[row] > 0 ? after / energy[row] : 0;
        for (int j = from; j < from + k; j++) {
            direction[j] = residual[j] + kept * direction[j];
        }
        energy[row] = after;
    }

    /** As many steps as the support has entries end at the least squares on it. */
    @Test
    void conjugateStepsEndAtTheLeastSquares() {
        int k = 6;
        double[] gram = positiveDefinite(k);
        double[] support = {1, 0, -2, 0, 3, 1};
        double[] correlations = normal(k);
        double[] residual = new double[k];
        Arrays.setAll(residual, j -> support[j] != 0 ? correlations[j] : 0);
        Matrix m = matrix(k, k, DType.F32, gram);
        Matrix codes = output(1, k, DType.F32);
        Matrix r = output(1, k, DType.F32, residual);
        Matrix d = output(1, k, DType.F32, residual);
        Matrix energy = output(1, 1, DType.F32);
        Matrix image = output(1, k, DType.F32);
        backend.fill(codes, 0);
        backend.rowDots(r, r, energy);
        for (int step = 0; step < 4; step++) {
            backend.gemm(1, d, false, m, false, 0, image);
            backend.conjugateGradientStep(matrix(1, k, DType.F32, support), image, codes, r, d, energy);
        }
        double[] found = read(codes);
        double[] fitted = product(found, false, gram, false, 1, k, k)[0];
        for (int j = 0; j < k; j++) {
            fitted[j] = support[j] != 0 ? fitted[j] : found[j];
            correlations[j] = support[j] != 0 ? correlations[j] : 0;
        }
        assertWithin(correlations, fitted, 1e-4, "normal equations");
    }
}
