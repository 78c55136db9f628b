package io.cospadi.quantization;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.LevelGrid;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Rounding with error feedback against plain f64 loops and against rounding each number by itself. */
abstract class AbstractFeedbackRoundingTest {
    /** Three blocks, the last of them short. */
    private static final int COLS = 150;

    private static final int ROWS = 6;

    private Backend backend;

    abstract Backend create();

    @BeforeEach
    void open() {
        backend = create();
    }

    @AfterEach
    void close() {
        if (backend != null) { // else create() skipped the test
            assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
            backend.close();
        }
    }

    /** Of (ROWS, COLS), with feedback under a Gram, or without where there is none. */
    private Levels rounded(double[] matrix, double[][] gram, int bits, int groupSize) {
        try (Matrix values = upload(matrix, ROWS);
                Matrix factor = gram == null ? null : upload(cholesky(gram), COLS);
                FeedbackRounding rounding = gram == null
                        ? FeedbackRounding.none(backend, COLS, bits, groupSize)
                        : FeedbackRounding.under(backend, factor, bits, groupSize);
                FeedbackRounding.Rounded rounded = rounding.round(values)) {
            return new Levels(patterns(rounded.values()), patterns(rounded.scales()));
        }
    }

    private short[] patterns(Matrix matrix) {
        float[] values = backend.readFloats(matrix);
        short[] patterns = new short[values.length];
        for (int i = 0; i < values.length; i++) {
            patterns[i] = Bfloat16.fromFloat(values[i]);
            assertEquals(Bfloat16.toFloat(patterns[i]), values[i], "levels and scales are bf16");
        }
        return patterns;
    }

    private Matrix upload(double[] values, int rows) {
        Matrix matrix = backend.allocate(rows, values.length / rows, DType.F64);
        backend.write(matrix, values);
        return matrix;
    }

    /** A correlated Gram with a lower Cholesky factor. */
    private static double[][] gram(int n, Random random) {
        double[][] x = new double[2 * n][n];
        for (double[] row : x) {
            double common = random.nextGaussian();
            for (int j = 0; j < n; j++) {
                row[j] = common + random.nextGaussian() * (0.5 + j % 3);
            }
        }
        double[][] gram = new double[n][n];
        for (double[] row : x) {
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    gram[i][j] += row[i] * row[j] / (2 * n);
                }
            }
        }
        return gram;
    }

    private static double[] cholesky(double[][] gram) {
        int n = gram.length;
        double[] lower = new double[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = gram[i][j];
                for (int l = 0; l < j; l++) {
                    sum -= lower[i * n + l] * lower[j * n + l];
                }
                lower[i * n + j] = i == j ? Math.sqrt(sum) : sum / lower[j * n + j];
            }
        }
        return lower;
    }

    private static double energy(double[] error, double[][] gram) {
        double energy = 0;
        for (int i = 0; i < error.length; i++) {
            for (int j = 0; j < error.length; j++) {
                energy += error[i] * gram[i][j] * error[j];
            }
        }
        return energy;
    }

    private static double energy(double[] matrix, Levels levels, double[][] gram) {
        double energy = 0;
        int cols = gram.length;
        for (int row = 0; row < matrix.length / cols; row++) {
            double[] error = new double[cols];
            for (int i = 0; i < cols; i++) {
                error[i] = matrix[row * cols + i] - Bfloat16.toFloat(levels.values()[row * cols + i]);
            }
            energy += energy(error, gram);
        }
        return energy;
    }

    @ParameterizedTest
    @CsvSource({"3, 0", "4, 0", "4, 8", "4, 7", "4, 70", "8, 0", "4, 100"})
    void feedbackBeatsPlainRoundingOnAverage(int bits, int groupSize) {
        double plain = 0;
        double fed = 0;
        for (int seed = 0; seed < 40; seed++) {
            Random random = new Random(seed);
            double[][] gram = gram(COLS, random);
            double[] matrix = random.doubles(ROWS * COLS, -1, 1).toArray();
            plain += energy(matrix, rounded(matrix, null, bits, groupSize), gram);
            fed += energy(matrix, rounded(matrix, gram, bits, groupSize), gram);
        }
        assertTrue(fed < 0.75 * plain, fed + " against " + plain);
    }

    /** GPTQ as published: the inverse's upper factor, weights updated as it goes; here over the columns in reverse. */
    @ParameterizedTest
    @ValueSource(ints = {0, 6, 7, 64, 70, 100, 128, 200})
    void feedbackIsGptqOverTheReversedColumns(int groupSize) {
        Random random = new Random(5);
        double[][] gram = gram(COLS, random);
        double[] matrix = random.doubles(ROWS * COLS, -1, 1).toArray();
        Levels found = rounded(matrix, gram, 4, groupSize);
        requireScales(matrix, cholesky(gram), found, groupSize);
        double[][] inverse = inverse(reversed(gram));
        double[] lower = cholesky(inverse); // U = Lᵀ has UᵀU = L Lᵀ = H⁻¹
        for (int row = 0; row < ROWS; row++) {
            double[] w = new double[COLS];
            for (int i = 0; i < COLS; i++) {
                w[i] = matrix[row * COLS + COLS - 1 - i];
            }
            int groups = LevelGrid.scales(COLS, groupSize);
            for (int i = 0; i < COLS; i++) {
                int column = COLS - 1 - i;
                int group = groupSize == 0 ? 0 : column / groupSize;
                float scale = Bfloat16.toFloat(found.scales()[row * groups + group]);
                float level = LevelGrid.round(w[i], scale, 4);
                assertEquals(level, Bfloat16.toFloat(found.values()[row * COLS + column]));
                double error = (w[i] - level) / lower[i * COLS + i];
                for (int j = i; j < COLS; j++) {
                    w[j] -= error * lower[j * COLS + i];
                }
            }
        }
    }

    /** Each group's scale is the one for its values with all that the columns behind it feed into them. */
    private static void requireScales(double[] matrix, double[] lower, Levels found, int groupSize) {
        int groups = LevelGrid.scales(COLS, groupSize);
        for (int row = 0; row < ROWS; row++) {
            for (int group = 0; group < groups; group++) {
                int from = group * groupSize;
                int to = groupSize == 0 ? COLS : Math.min(COLS, from + groupSize);
                double[] wanted = new double[COLS];
                for (int j = from; j < to; j++) {
                    wanted[j] = matrix[row * COLS + j];
                    for (int i = to; i < COLS; i++) {
                        double error = matrix[row * COLS + i] - Bfloat16.toFloat(found.values()[row * COLS + i]);
                        wanted[j] += error * lower[i * COLS + j] / lower[j * COLS + j];
                    }
                }
                assertEquals(LevelGrid.scaleFor(wanted, from, to, 4), found.scales()[row * groups + group]);
            }
        }
    }

    private static double[][] reversed(double[][] a) {
        int n = a.length;
        double[][] reversed = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                reversed[i][j] = a[n - 1 - i][n - 1 - j];
            }
        }
        return reversed;
    }

    /** Gauss-Jordan; the Gram is well conditioned. */
    private static double[][] inverse(double[][] a) {
        int n = a.length;
        double[][] left = new double[n][];
        double[][] right = new double[n][n];
        for (int i = 0; i < n; i++) {
            left[i] = a[i].clone();
            right[i][i] = 1;
        }
        for (int i = 0; i < n; i++) {
            double pivot = left[i][i];
            for (int j = 0; j < n; j++) {
                left[i][j] /= pivot;
                right[i][j] /= pivot;
            }
            for (int r = 0; r < n; r++) {
                double factor = left[r][i];
                for (int j = 0; j < n && r != i; j++) {
                    left[r][j] -= factor * left[i][j];
                    right[r][j] -= factor * right[i][j];
                }
            }
        }
        return right;
    }

    /** Plain rounding is the nearest level under the best scale, group by group. */
    @ParameterizedTest
    @ValueSource(ints = {0, 7, 64, 70, 200})
    void withoutFeedbackEachNumberIsRoundedByItself(int groupSize) {
        double[] matrix = new Random(6).doubles(ROWS * COLS, -1, 1).toArray();
        Levels found = rounded(matrix, null, 5, groupSize);
        int groups = LevelGrid.scales(COLS, groupSize);
        for (int i = 0; i < matrix.length; i++) {
            int row = i / COLS;
            int group = groupSize == 0 ? 0 : i % COLS / groupSize;
            int from = row * COLS + group * groupSize;
            int to = groupSize == 0 ? from + COLS : Math.min((row + 1) * COLS, from + groupSize);
            short scale = LevelGrid.scaleFor(matrix, from, to, 5);
            assertEquals(scale, found.scales()[row * groups + group]);
            float level = LevelGrid.round(matrix[i], Bfloat16.toFloat(scale), 5);
            assertEquals(level, Bfloat16.toFloat(found.values()[i]));
        }
    }

    @Test
    void aValueWithoutFiniteLevelHasAScaleThatSaysSo() {
        double[] matrix = new double[ROWS * COLS];
        matrix[3 * COLS + 5] = Double.NaN;
        for (double[][] gram : new double[][][] {null, gram(COLS, new Random(7))}) {
            Levels found = rounded(matrix, gram, 4, 64);
            assertTrue(Float.isNaN(Bfloat16.toFloat(found.scales()[3 * 3])));
        }
    }
}
