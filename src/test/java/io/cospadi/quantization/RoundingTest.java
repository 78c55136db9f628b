package io.cospadi.quantization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Rounding with error feedback against plain f64 loops and against rounding each number by itself. */
class RoundingTest {
    /** Three blocks, the last of them short. */
    private static final int COLS = 150;

    private static final int ROWS = 6;

    private final Backend backend = new CpuBackend(2);

    @AfterEach
    void close() {
        assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
        backend.close();
    }

    /** Of (ROWS, COLS), with feedback under a Gram, or without where there is none. */
    private Levels rounded(double[] matrix, double[][] gram, int bits, int groupSize) {
        try (Matrix values = upload(matrix, ROWS);
                Matrix factor = gram == null ? null : upload(cholesky(gram), COLS);
                FeedbackRounding rounding = gram == null
                        ? FeedbackRounding.none(backend, COLS, bits, groupSize)
                        : FeedbackRounding.under(backend, factor, bits, groupSize)) {
            return rounding.round(values);
        }
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
    @CsvSource({"3, 0", "4, 0", "4, 8", "4, 7", "4, 70", "8, 0"})
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
    @ValueSource(ints = {0, 6, 7, 64, 100, 200})
    void feedbackIsGptqOverTheReversedColumns(int groupSize) {
        Random random = new Random(5);
        double[][] gram = gram(COLS, random);
        double[] matrix = random.doubles(ROWS * COLS, -1, 1).toArray();
        Levels found = rounded(matrix, gram, 4, groupSize);
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

    @ParameterizedTest
    @CsvSource({"3, 0", "4, 0", "4, 5", "6, 0", "8, 0"})
    void sweepsBeatPlainRoundingOnAverageAndEndWhereNoSingleMoveHelps(int bits, int groupSize) {
        int k = 20;
        int s = 9;
        double plain = 0;
        double swept = 0;
        for (int seed = 0; seed < 40; seed++) {
            Random random = new Random(seed);
            double[][] gram = gram(k, random);
            float[] flat = new float[k * k];
            for (int i = 0; i < k * k; i++) {
                flat[i] = (float) gram[i / k][i % k];
            }
            int[] atoms = random.ints(0, k).distinct().limit(s).sorted().toArray();
            float[] values = new float[s];
            for (int p = 0; p < s; p++) {
                values[p] = (float) random.nextGaussian();
            }
            Codes codes = new Codes(1, k, s, atoms, values);
            // B = C M: the codes are the best fit, no residual is left
            SupportRounding.Rounded rounded =
                    new SupportRounding(backend, k, flat, bits, groupSize).round(codes, new float[k]);
            assertArrayEquals(atoms, rounded.codes().atoms());
            float[] nearest = new float[s];
            for (int p = 0; p < s; p++) {
                nearest[p] = LevelGrid.round(values[p], scale(rounded, p, groupSize), bits);
            }
            double own = error(codes, rounded.codes().values(), gram);
            plain += error(codes, nearest, gram);
            swept += own;
            for (int p = 0; p < s; p++) {
                float[] moved = rounded.codes().values().clone();
                for (int pattern = 0; pattern < 1 << bits; pattern++) {
                    moved[p] = LevelGrid.value(pattern, scale(rounded, p, groupSize), bits);
                    double other = error(codes, moved, gram);
                    // of two levels about as near, bf16 may have rounded the chosen one the worse way; the Gram is f32
                    double step = Math.abs(moved[p] - rounded.codes().values()[p]);
                    double slack = 1e-6 + 0x1p-7 * Math.abs(moved[p]) * step * gram[atoms[p]][atoms[p]];
                    assertTrue(own <= other + slack, "seed " + seed + ": " + own + " against " + other);
                }
            }
        }
        assertTrue(swept < 0.8 * plain, swept + " against " + plain);
    }

    private static float scale(SupportRounding.Rounded rounded, int p, int groupSize) {
        return Bfloat16.toFloat(rounded.scales()[groupSize == 0 ? 0 : p / groupSize]);
    }

    private static double error(Codes codes, float[] rounded, double[][] gram) {
        double[] error = new double[codes.k()];
        for (int p = 0; p < codes.s(); p++) {
            error[codes.atoms()[p]] = codes.values()[p] - (double) rounded[p];
        }
        return energy(error, gram);
    }
}
