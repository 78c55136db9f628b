package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.LevelGrid;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rounding to levels against plain loops in the same order, so exactly. */
class LevelKernelsTest extends AbstractKernelTest {
    private static final int SHARED = 48 << 10;

    private LevelKernels kernels(Launcher launcher) {
        return new LevelKernels(launcher, SHARED);
    }

    private double[] spread(int count) {
        double[] values = new double[count];
        Arrays.setAll(values, i -> random.nextGaussian() * Math.exp(2 * random.nextGaussian()));
        return values;
    }

    private static float scaleFor(double[] values, int from, int count, int step, int bits) {
        double[] own = new double[count];
        Arrays.setAll(own, i -> values[from + i * step]);
        return Bfloat16.toFloat(LevelGrid.scaleFor(own, 0, count, bits));
    }

    @ParameterizedTest
    @CsvSource({
        "1,1,1,3,1",
        "31,9,31,4,1",
        "33,8,33,8,2",
        "100,7,32,5,1",
        "64,17,3,6,2",
        "70,5,64,7,1",
        "4000,1,4000,3,1"
    })
    void scalesAreTheFirstOfTheBest(int n, int m, int length, int bits, int down) {
        double[] values = spread(n * m);
        int groups = (n - 1) / length + 1;
        if (m > 4) {
            for (int i = 0; i < n; i++) {
                values[i * m] = i == n - 1 ? 0x1p-62 : 0;
                values[i * m + 1] = i % 2 == 0 ? 0.5 : -0.5; // several lose as much
            }
            values[2] = Double.NaN;
            values[(n - 1) * m + 3] = -0x1p126;
            values[4] = 0x1.fp125;
        }
        if (m == 1 && n > 1) { // one outlier among so many that the smallest scale is the best that is tried
            Arrays.setAll(values, i -> i == 17 ? 1 : i % 2 == 0 ? 0.015 : -0.015);
        }
        float[] expected = new float[groups * m];
        for (int i = 0; i < expected.length; i++) {
            int from = i / m * length;
            expected[i] = scaleFor(values, from * m + i % m, Math.min(length, n - from), m, bits);
        }
        var v = device.array(values);
        for (int order = 0; order < ORDERS; order++) {
            var scales = device.array(new float[groups * m]);
            Launcher launcher = (kernel, geometry, arguments) -> device.launch(
                    kernel,
                    new LaunchGeometry(geometry.gridX(), Math.min(down, groups), 32, geometry.blockY(), 0),
                    arguments);
            kernels(launcher).chooseScales(v.address(), scales.address(), n, m, length, groups, bits);
            assertArrayEquals(expected, scales.floats());
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1,1,0,3", "3,31,5,1,4", "63,32,64,0,8", "64,33,70,6,5", "9,65,9,0,6"})
    void columnsAreRoundedFromTheLastRow(int b, int m, int n, int from, int bits) {
        double[] values = normalDoubles(b * m);
        double[] wanted = spread(b * m);
        if (b == 63) { // what is not a number makes none of what it is fed into
            wanted[b * m - 1] = Double.NaN;
        }
        double[] feedback = new double[b * n];
        Arrays.setAll(feedback, i -> i % n >= from && i % n - from < i / n ? random.nextGaussian() : Double.NaN);
        float[] scales = new float[m];
        for (int c = 0; c < m; c++) {
            scales[c] = c % 5 == 4 ? 0 : Bfloat16.round(0.1f + random.nextFloat());
        }
        float[] levels = new float[b * m];
        double[] errors = new double[b * m];
        for (int c = 0; c < m; c++) {
            double[] sums = new double[b];
            for (int j = 0; j < b; j++) {
                sums[j] = wanted[j * m + c];
            }
            for (int j = b - 1; j >= 0; j--) {
                levels[j * m + c] = LevelGrid.round(sums[j], scales[c], bits);
                errors[j * m + c] = values[j * m + c] - levels[j * m + c];
                for (int i = 0; i < j; i++) {
                    sums[i] += errors[j * m + c] * feedback[j * n + from + i];
                }
            }
        }
        var w = device.array(wanted);
        var f = device.array(feedback);
        var scale = device.array(scales);
        for (int order = 0; order < ORDERS; order++) {
            var v = device.array(values);
            var level = device.array(new float[b * m]);
            kernels(device)
                    .roundWithFeedback(
                            v.address(),
                            w.address(),
                            f.address(),
                            scale.address(),
                            level.address(),
                            b,
                            m,
                            n,
                            from,
                            bits);
            assertArrayEquals(levels, level.floats(), "levels");
            assertArrayEquals(errors, v.doubles(), "errors");
        }
    }

    /** Sweeps over one row as their definition has them; the row's codes, residuals and scales are updated. */
    private static void sweep(
            float[] gram, int[] atoms, float[] code, float[] residual, float[] scales, int k, int length, int bits) {
        double[] stored = new double[atoms.length];
        Arrays.setAll(stored, p -> code[atoms[p]]);
        for (int group = 0; group < scales.length; group++) {
            int count = Math.max(0, Math.min(length, atoms.length - group * length));
            scales[group] = scaleFor(stored, group * length, count, 1, bits);
        }
        boolean changed = true;
        for (int sweep = 0; sweep < 16 && changed; sweep++) {
            changed = false;
            for (int p = 0; p < atoms.length; p++) {
                int atom = atoms[p];
                float energy = gram[atom * k + atom];
                double wanted = energy > 0 ? code[atom] + (double) (residual[atom] / energy) : code[atom];
                float level = LevelGrid.round(wanted, scales[p / length], bits);
                boolean nearer = Math.abs(wanted - level) < Math.abs(wanted - code[atom]);
                if (sweep == 0 ? level != code[atom] : nearer) {
                    float by = level - code[atom];
                    for (int j = 0; j < k; j++) {
                        residual[j] -= by * gram[atom * k + j];
                    }
                    code[atom] = level;
                    changed = true;
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1,1,1,1,3,1",
        "3,7,4,2,4,2",
        "5,40,40,40,8,3",
        "3,270,100,32,5,2",
        "2,300,257,100,4,1",
        "4,33,5,3,6,1",
        "2,90,80,4,4,1"
    })
    void codesAreSweptOnTheirSupport(int rows, int k, int s, int length, int bits, int blocks) {
        float[] half = normal(k * k);
        float[] gram = new float[k * k];
        for (int i = 0; i < k; i++) {
            for (int j = 0; j < k; j++) {
                gram[i * k + j] = (half[i * k + j] + half[j * k + i]) / (2 * k) + (i == j ? 1 : 0);
            }
        }
        if (k > 5) {
            gram[3 * k + 3] = 0; // an atom without energy
        }
        float[] support = new float[rows * k];
        float[] codes = normal(rows * k);
        float[] residuals = normal(rows * k);
        int groups = (s - 1) / length + 1;
        float[] expectedCodes = codes.clone();
        float[] expectedResiduals = residuals.clone();
        float[] expectedScales = new float[rows * groups];
        for (int row = 0; row < rows; row++) {
            // the last row lacks one of its places
            int places = rows > 1 && row == rows - 1 ? s - 1 : s;
            int[] atoms = random.ints(0, k).distinct().limit(places).sorted().toArray();
            for (int atom : atoms) {
                support[row * k + atom] = atom % 2 == 0 ? 1 : -0.5f;
            }
            float[] code = Arrays.copyOfRange(codes, row * k, (row + 1) * k);
            float[] residual = Arrays.copyOfRange(residuals, row * k, (row + 1) * k);
            float[] scales = new float[groups];
            sweep(gram, atoms, code, residual, scales, k, length, bits);
            System.arraycopy(code, 0, expectedCodes, row * k, k);
            System.arraycopy(residual, 0, expectedResiduals, row * k, k);
            System.arraycopy(scales, 0, expectedScales, row * groups, groups);
        }
        var m = device.array(gram);
        var places = device.array(support);
        for (int order = 0; order < ORDERS; order++) {
            var c = device.array(codes);
            var r = device.array(residuals);
            var scales = device.array(new float[rows * groups]);
            kernels(withBlocks(Math.min(rows, blocks)))
                    .roundOnSupport(
                            m.address(),
                            places.address(),
                            r.address(),
                            c.address(),
                            scales.address(),
                            rows,
                            k,
                            s,
                            length,
                            bits);
            assertArrayEquals(expectedScales, scales.floats(), "scales");
            assertArrayEquals(expectedCodes, c.floats(), "codes");
            assertArrayEquals(expectedResiduals, r.floats(), "residuals");
        }
    }

    /** A row with more places than codes keeps what is beyond. */
    @Test
    void placesBeyondTheLastCodeAreLeftAlone() {
        int k = 600;
        float[] gram = new float[k * k];
        float[] support = new float[k];
        Arrays.fill(support, 1);
        float[] codes = normal(k);
        var c = device.array(codes);
        var scales = device.array(new float[1]);
        kernels(device)
                .roundOnSupport(
                        device.array(gram).address(),
                        device.array(support).address(),
                        device.array(new float[k]).address(),
                        c.address(),
                        scales.address(),
                        1,
                        k,
                        300,
                        300,
                        4);
        float[] found = c.floats();
        for (int j = 0; j < k; j++) {
            float level = LevelGrid.round(codes[j], scales.floats()[0], 4);
            float expected = j < 300 ? level : codes[j];
            assertEquals(expected, found[j], "code " + j);
        }
    }

    @Test
    void whatDoesNotFitIsRefused() {
        LevelKernels kernels = kernels(device);
        assertThrows(IllegalArgumentException.class, () -> kernels.roundWithFeedback(0, 0, 0, 0, 0, 65, 1, 65, 0, 4));
        assertThrows(CospadiException.class, () -> kernels.roundOnSupport(0, 0, 0, 0, 0, 1, 20_000, 12_100, 1, 4));
    }

    @Test
    void nothingNeedsNoLaunch() {
        LevelKernels kernels = kernels((kernel, geometry, arguments) -> {
            throw new AssertionError("launched " + kernel);
        });
        kernels.chooseScales(0, 0, 0, 5, 1, 0, 4);
        kernels.chooseScales(0, 0, 5, 0, 1, 5, 4);
        kernels.roundWithFeedback(0, 0, 0, 0, 0, 0, 5, 5, 0, 4);
        kernels.roundWithFeedback(0, 0, 0, 0, 0, 5, 0, 5, 0, 4);
        kernels.roundOnSupport(0, 0, 0, 0, 0, 0, 5, 2, 2, 4);
    }
}
