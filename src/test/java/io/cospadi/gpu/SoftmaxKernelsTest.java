package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cospadi.tensor.DType;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is done with rows of logits, against the formulas in f64. */
class SoftmaxKernelsTest extends AbstractKernelTest {
    /** Relative error of an f32 exp, with room for the rounding of its argument. */
    private static final double EXP = 4e-7;

    private static double[] logSoftmax(float[] x, int cols) {
        double[] result = new double[x.length];
        for (int start = 0; start < x.length; start += cols) {
            double most = Double.NEGATIVE_INFINITY;
            for (int j = start; j < start + cols; j++) {
                most = Math.max(most, x[j]);
            }
            double sum = 0;
            for (int j = start; j < start + cols; j++) {
                sum += Math.exp(x[j] - most);
            }
            for (int j = start; j < start + cols; j++) {
                result[j] = x[j] - most - Math.log(sum);
            }
        }
        return result;
    }

    private float[] logits(int count, double deviation, double mean) {
        float[] x = normal(count);
        for (int i = 0; i < count; i++) {
            x[i] = (float) (deviation * x[i] + mean);
        }
        return x;
    }

    private SoftmaxKernels kernels(int threads) {
        return new SoftmaxKernels(withThreads(threads));
    }

    /** At the edges of a block and of the columns that a thread takes side by side; means that overflow exp. */
    @ParameterizedTest
    @CsvSource({
        "1,1,1024",
        "3,5,1024",
        "2,1023,1024",
        "2,1024,1024",
        "2,1025,1024",
        "2,255,32",
        "2,256,32",
        "3,257,32",
        "2,20000,1024",
        "2,700,64"
    })
    void logProbabilitiesEqualTheFormula(int rows, int cols, int threads) {
        float[] p = logits(rows * cols, 5, 300);
        float[] q = logits(rows * cols, 5, -200);
        double[] logP = logSoftmax(p, cols);
        double[] logQ = logSoftmax(q, cols);
        int[] targets = random.ints(rows, 0, cols).toArray();
        double[] allowance = new double[p.length];
        Arrays.fill(allowance, 40 * ROUNDING + EXP);
        for (int order = 0; order < ORDERS; order++) {
            var first = device.array(p);
            var second = device.array(q);
            var losses = device.array(new double[rows]);
            var divergences = device.array(new double[rows]);
            SoftmaxKernels kernels = kernels(threads);
            kernels.negativeLogLikelihood(
                    first.address(), device.array(targets).address(), losses.address(), rows, cols);
            assertArrayEquals(p, first.floats(), "logits are only read");
            kernels.logSoftmax(first.address(), rows, cols);
            kernels.logSoftmax(second.address(), rows, cols);
            assertWithin(allowance, logP, first.floats(), "logSoftmax");
            assertWithin(allowance, logQ, second.floats(), "logSoftmax");
            kernels.klDivergence(first.address(), second.address(), divergences.address(), rows, cols);
            for (int i = 0; i < rows; i++) {
                assertEquals(-logP[i * cols + targets[i]], losses.doubles()[i], EXP, "negativeLogLikelihood");
                double divergence = 0;
                for (int j = i * cols; j < (i + 1) * cols; j++) {
                    divergence += Math.exp(logP[j]) * (logP[j] - logQ[j]);
                }
                double allowed = 200 * (ROUNDING + EXP) * Math.max(1, divergence);
                assertEquals(divergence, divergences.doubles()[i], allowed, "klDivergence");
            }
        }
    }

    /** A running maximum has to take along what it summed before. */
    @Test
    void logitsMayRiseOrFallAlongTheRow() {
        int cols = 2000;
        float[] x = new float[2 * cols];
        for (int j = 0; j < cols; j++) {
            x[j] = j / 100f;
            x[2 * cols - 1 - j] = x[j];
        }
        double[] allowance = new double[x.length];
        Arrays.fill(allowance, 40 * ROUNDING + EXP);
        var rows = device.array(x);
        kernels(32).logSoftmax(rows.address(), 2, cols);
        assertWithin(allowance, logSoftmax(x, cols), rows.floats(), "logSoftmax");
    }

    @Test
    void infinitiesAndNansKeepTheirMeaning() {
        float none = Float.NEGATIVE_INFINITY;
        float[] x = {0, none, none, none, 1, Float.NaN, 1, Float.POSITIVE_INFINITY, 0, none, none, none};
        var rows = device.array(x);
        var losses = device.array(new double[4]);
        SoftmaxKernels kernels = kernels(32);
        kernels.negativeLogLikelihood(rows.address(), device.array(0, 0, 0, 0).address(), losses.address(), 4, 3);
        assertArrayEquals(new double[] {0, Double.NaN, Double.NaN, Double.NaN}, losses.doubles());
        var p = device.array(0f, none, none);
        var q = device.array(-2f, -1f, none);
        var divergence = device.array(0.0);
        kernels.klDivergence(p.address(), q.address(), divergence.address(), 1, 3);
        assertEquals(2, divergence.doubles()[0], "0 log 0 is 0");
    }

    @ParameterizedTest
    @CsvSource({"1,32", "31,32", "33,32", "64,64", "1000,1024", "2049,1024"})
    void largestEntryIsTheFirstOfEquals(int cols, int threads) {
        int rows = 5;
        float[] x = new float[rows * cols];
        double[] wide = new double[x.length];
        double[] expected = new double[rows];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < cols; j++) {
                // few values, so that the largest comes several times
                x[i * cols + j] = i == 4 ? Float.NEGATIVE_INFINITY : random.nextInt(1 + cols / 8) - cols;
                wide[i * cols + j] = x[i * cols + j];
                if (x[i * cols + j] > x[i * cols + (int) expected[i]]) {
                    expected[i] = j;
                }
            }
        }
        for (int order = 0; order < ORDERS; order++) {
            var columns = device.array(new double[rows]);
            kernels(threads).argmax(DType.F32, device.array(x).address(), columns.address(), rows, cols);
            assertArrayEquals(expected, columns.doubles());
            var wideColumns = device.array(new double[rows]);
            kernels(threads).argmax(DType.F64, device.array(wide).address(), wideColumns.address(), rows, cols);
            assertArrayEquals(expected, wideColumns.doubles());
        }
    }

    /** Uniform numbers between two running sums, so near to either that one column too far shows. */
    @ParameterizedTest
    @CsvSource({"1,1024", "4,32", "31,32", "33,32", "100,64", "129,128", "700,64", "3000,1024"})
    void drawsFollowTheRunningSumOfProbabilities(int cols, int threads) {
        float[] logits = logits(cols, 1, -1);
        for (int j = 0; cols > 2 && j < cols; j += 3) {
            logits[j] = Float.NEGATIVE_INFINITY; // never drawn
        }
        double sum = 0;
        for (float x : logits) {
            sum += Math.exp(x);
        }
        int draws = Math.min(cols, 30);
        double[] expected = new double[2 * draws];
        double[] uniforms = new double[2 * draws];
        float[] rows = new float[2 * draws * cols];
        for (int i = 0; i < draws; i++) {
            int column = (int) ((long) i * cols / draws);
            column = cols > 2 && column % 3 == 0 ? Math.min(column + 1, cols - 1) : column;
            column = logits[column] == Float.NEGATIVE_INFINITY ? column - 1 : column;
            double below = 0;
            for (int j = 0; j < column; j++) {
                below += Math.exp(logits[j]);
            }
            double own = Math.exp(logits[column]);
            expected[2 * i] = column;
            expected[2 * i + 1] = column;
            uniforms[2 * i] = (below + 0.01 * own) / sum;
            uniforms[2 * i + 1] = (below + 0.99 * own) / sum;
        }
        for (int i = 0; i < rows.length; i++) {
            rows[i] = logits[i % cols];
        }
        for (int order = 0; order < ORDERS; order++) {
            var probabilities = device.array(rows);
            var columns = device.array(new double[expected.length]);
            kernels(threads)
                    .sample(
                            probabilities.address(),
                            device.array(uniforms).address(),
                            columns.address(),
                            expected.length,
                            cols);
            assertArrayEquals(expected, columns.doubles());
            assertArrayEquals(rows, probabilities.floats(), "log-probabilities are only read");
        }
    }

    /** Where rounding leaves no column beyond what is wanted, the last that has a probability is drawn; for 0 the first. */
    @ParameterizedTest
    @ValueSource(ints = {5, 40, 333})
    void extremeDrawsHaveAProbability(int cols) {
        float[] logits = logits(cols, 1, -1);
        logits[0] = Float.NEGATIVE_INFINITY;
        Arrays.fill(logits, cols - 3, cols, Float.NEGATIVE_INFINITY);
        float[] rows = new float[2 * cols];
        System.arraycopy(logits, 0, rows, 0, cols);
        System.arraycopy(logits, 0, rows, cols, cols);
        var columns = device.array(7.0, 7.0);
        kernels(64)
                .sample(
                        device.array(rows).address(),
                        device.array(0, Math.nextDown(1.0)).address(),
                        columns.address(),
                        2,
                        cols);
        assertArrayEquals(new double[] {1, cols - 4}, columns.doubles());
    }

    @ParameterizedTest
    @CsvSource({"3,1,1024", "3,5,1024", "3,100,32", "4,1500,1024"})
    void likelihoodGradientEqualsTheFormula(int rows, int cols, int threads) {
        float[] log = new float[rows * cols];
        double[] probabilities = logSoftmax(normal(log.length), cols);
        double[] expected = new double[log.length];
        double[] allowance = new double[log.length];
        int[] targets = random.ints(rows, 0, cols).toArray();
        targets[1] = -1;
        for (int i = 0; i < log.length; i++) {
            log[i] = (float) probabilities[i];
            double p = Math.exp(log[i]);
            expected[i] = i / cols == 1 ? 0 : i % cols == targets[i / cols] ? p - 1 : p;
            allowance[i] = i / cols == 1 ? 0 : EXP * p + 2 * ROUNDING * Math.abs(expected[i]);
        }
        for (int order = 0; order < ORDERS; order++) {
            var gradient = device.array(log);
            kernels(threads)
                    .likelihoodGradient(
                            gradient.address(),
                            device.array(Arrays.stream(targets).asDoubleStream().toArray())
                                    .address(),
                            rows,
                            cols);
            assertWithin(allowance, expected, gradient.floats(), "likelihoodGradient");
        }
    }

    @Test
    void noRowsNeedNoLaunch() {
        SoftmaxKernels kernels = new SoftmaxKernels((kernel, geometry, arguments) -> {
            throw new AssertionError("launched " + kernel);
        });
        kernels.logSoftmax(0, 0, 3);
        kernels.sample(0, 0, 0, 0, 3);
    }
}
