package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Pursuit against its definition in f64, against scikit-learn's fixtures, and at the edges of its stopping rule. */
class OmpKernelsTest extends AbstractKernelTest {
    private static final int MOST_SHARED = LaunchGeometry.MOST_SHARED_BYTES;

    private float[] pursue(float[] gram, float[] correlations, int k, int s, int blocks, Launcher launcher) {
        int rows = correlations.length / k;
        var codes = device.room(rows * k);

        var scratch = device.room((int) OmpKernels.scratchFloats(k, s, blocks));
        new OmpKernels(launcher, MOST_SHARED)
                .pursue(
                        device.array(gram).address(),
                        device.array(correlations).address(),
                        codes.address(),
                        rows,
                        k,
                        s,
                        scratch.address(),
                        blocks);
        return codes.floats();
    }

    /** f32 Gram and factor: the condition of a random sub-dictionary with s at most d / 2 stays below about 100. */
    @ParameterizedTest
    @CsvSource({
        "1,1,1,3,1,32",
        "3,5,5,8,2,32",
        "7,16,5,20,3,32",
        "9,33,17,40,9,64",
        "5,129,40,150,5,64",
        "3,130,70,150,2,32",
        "2,300,100,320,1,96",
        "2,1100,20,1200,2,256"
    })
    void pursuitFollowsItsDefinition(int rows, int k, int s, int d, int blocks, int threads) {
        double[][] atoms = unitAtoms(k, d);
        float[] gram = products(atoms, atoms);
        double[][] signals = new double[rows][];
        Arrays.setAll(signals, i -> normalDoubles(d));
        float[] correlations = products(signals, atoms);
        float[] first = pursue(gram, correlations, k, s, blocks, device);
        for (int i = 0; i < rows; i++) {
            double[] expected = byDefinition(gram, Arrays.copyOfRange(correlations, i * k, (i + 1) * k), s);
            double[] allowance = new double[k];
            Arrays.fill(allowance, 100 * s * ROUNDING * 8);
            assertWithin(allowance, expected, Arrays.copyOfRange(first, i * k, (i + 1) * k), "row " + i);
        }
        for (int order = 1; order < ORDERS; order++) {
            assertArrayEquals(first, pursue(gram, correlations, k, s, order, device), "order " + order);
        }
        for (int i = 0; i < rows; i++) {
            float[] other = pursue(gram, correlations, k, s, blocks, withThreads(threads));
            for (int j = 0; j < k; j++) {
                assertEquals(first[i * k + j] != 0, other[i * k + j] != 0, "support with other threads");
            }
        }
    }

    private double[][] unitAtoms(int k, int d) {
        double[][] atoms = new double[k][];
        for (int j = 0; j < k; j++) {
            double[] atom = normalDoubles(d);
            double norm = Math.sqrt(Arrays.stream(atom).map(v -> v * v).sum());
            atoms[j] = Arrays.stream(atom).map(v -> v / norm).toArray();
        }
        return atoms;
    }

    private static float[] products(double[][] left, double[][] right) {
        float[] all = new float[left.length * right.length];
        for (int i = 0; i < all.length; i++) {
            double[] a = left[i / right.length];
            double[] b = right[i % right.length];
            double sum = 0;
            for (int j = 0; j < a.length; j++) {
                sum += a[j] * b[j];
            }
            all[i] = (float) sum;
        }
        return all;
    }

    /** Each step solves its least squares afresh. */
    private static double[] byDefinition(float[] gram, float[] correlations, int s) {
        int k = correlations.length;
        double[] codes = new double[k];
        int[] support = new int[0];
        for (int step = 0; step < s; step++) {
            int best = -1;
            double most = 0;
            for (int j = 0; j < k; j++) {
                double residual = correlations[j];
                boolean chosen = false;
                for (int l : support) {
                    residual -= gram[l * k + j] * codes[l];
                    chosen |= l == j;
                }
                if (!chosen && Math.abs(residual) > most) {
                    most = Math.abs(residual);
                    best = j;
                }
            }
            support = Arrays.copyOf(support, step + 1);
            support[step] = best;
            double[] solution = leastSquares(gram, correlations, support);
            for (int l = 0; l <= step; l++) {
                codes[support[l]] = solution[l];
            }
        }
        return codes;
    }

    /** Gaussian elimination of the chosen Gram block. */
    private static double[] leastSquares(float[] gram, float[] correlations, int[] support) {
        int n = support.length;
        int k = correlations.length;
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

    @Test
    void supportsAndCoefficientsEqualThoseOfScikitLearn() throws IOException {
        int cases = 0;
        try (InputStream fixture = getClass().getResourceAsStream("/fixtures/omp/cases.json")) {
            for (JsonNode each : new ObjectMapper().readTree(fixture)) {
                int k = each.get("k").asInt();
                float[] correlations = narrowed(numbers(each.get("correlations")));
                float[] codes = pursue(
                        narrowed(numbers(each.get("gram"))),
                        correlations,
                        k,
                        each.get("s").asInt(),
                        3,
                        device);
                for (int i = 0; i < correlations.length / k; i++) {
                    double[] support = numbers(each.get("supports").get(i));
                    double[] coefficients = numbers(each.get("coefficients").get(i));
                    double[] expected = new double[k];
                    double[] allowance = new double[k];
                    for (int l = 0; l < support.length; l++) {
                        expected[(int) support[l]] = coefficients[l];
                        allowance[(int) support[l]] = 16 * ROUNDING;
                    }
                    String what = each.get("name").asText() + ", signal " + i;
                    assertWithin(allowance, expected, Arrays.copyOfRange(codes, i * k, (i + 1) * k), what);
                }
                cases++;
            }
        }
        assertEquals(3, cases);
    }

    private static double[] numbers(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false)
                .mapToDouble(JsonNode::asDouble)
                .toArray();
    }

    private static float[] identity(int k) {
        float[] identity = new float[k * k];
        IntStream.range(0, k).forEach(i -> identity[i * (k + 1)] = 1);
        return identity;
    }

    @Test
    void equalCorrelationsGoToTheLowerAtom() {
        // in one thread, over the threads of a warp, and over warps
        for (int k : new int[] {6, 40, 700}) {
            float[] correlations = new float[2 * k];
            Arrays.fill(correlations, 0, k, -3);
            Arrays.fill(correlations, k, 2 * k, 1);
            correlations[k + 1] = -2;
            correlations[2 * k - 2] = 2;
            correlations[2 * k - 1] = -2;
            float[] expected = new float[2 * k];
            expected[0] = -3;
            expected[1] = -3;
            expected[k + 1] = -2;
            expected[2 * k - 2] = 2;
            for (int order = 0; order < ORDERS; order++) {
                assertArrayEquals(expected, pursue(identity(k), correlations, k, 2, 1, device));
            }
        }
    }

    /**
     * The second atom is the first again: it can explain nothing more, and must not be divided by its zero distance, even where
     * its correlation says that something is left.
     */
    @Test
    void dependentAtomsArePassedOver() {
        float[] gram = {1, 1, 0.5f, 1, 1, 0.5f, 0.5f, 0.5f, 1};
        float[] codes =
                pursue(gram, new float[] {2, 2, 1.5f, 1, 1, 0.5f, 2, 1.9f, 1.5f, 2, 1.4f, 1.5f}, 3, 3, 2, device);
        // rows 0, 2 and 3: [1, .5; .5, 1] x = (2, 1.5); row 1 is atom 0 itself, nothing is left after one step; in row
        // 3 the
        // dependent atom comes before the last one
        double[] expected = {5 / 3.0, 0, 2 / 3.0, 1, 0, 0, 5 / 3.0, 0, 2 / 3.0, 5 / 3.0, 0, 2 / 3.0};
        double[] allowance = new double[expected.length];
        Arrays.fill(allowance, 8 * ROUNDING);
        assertWithin(allowance, expected, codes, "codes");
    }

    /** With a condition of some hundreds the factor errs by as many roundings; refined coefficients by the square of that error. */
    @Test
    void coefficientsOfNearlyDependentAtomsAreRefined() {
        int k = 4;
        double[] common = unitAtoms(1, 9)[0];
        double[][] atoms = unitAtoms(k, 9);
        for (double[] atom : atoms) {
            Arrays.setAll(atom, i -> common[i] + 0.1 * atom[i]);
            double norm = Math.sqrt(Arrays.stream(atom).map(v -> v * v).sum());
            Arrays.setAll(atom, i -> atom[i] / norm);
        }
        float[] gram = products(atoms, atoms);
        float[] correlations = products(new double[][] {normalDoubles(9)}, atoms);
        double[] expected =
                leastSquares(gram, correlations, IntStream.range(0, k).toArray());
        double[] allowance = new double[k];
        Arrays.fill(
                allowance,
                4 * ROUNDING * Arrays.stream(expected).map(Math::abs).max().orElseThrow());
        assertWithin(allowance, expected, pursue(gram, correlations, k, k, 1, device), "refined");
    }

    /** After the true atoms only rounding of the correlations is left, which ends the row or changes nothing visible. */
    @Test
    void signalOfFewAtomsNeedsNoMore() {
        int k = 20;
        double[][] atoms = unitAtoms(k, 400);
        float[] gram = products(atoms, atoms);
        for (int count : new int[] {1, 3, 8}) {
            double[] truth = new double[k];
            double[] signal = new double[400];
            for (int j = 0; j < count; j++) {
                truth[2 * j] = j % 2 == 0 ? 2 + j : -2 - j;
                for (int i = 0; i < 400; i++) {
                    signal[i] += truth[2 * j] * atoms[2 * j][i];
                }
            }
            float[] codes = pursue(gram, products(new double[][] {signal}, atoms), k, 16, 1, device);
            double[] allowance = new double[k];
            Arrays.fill(allowance, 100 * ROUNDING * 10);
            assertWithin(allowance, truth, codes, "recovered");
        }
    }

    @Test
    void vanishedCorrelationsEndTheRow() {
        float[] correlations = {1, 6e-7f, 4e-7f, 0, 0, 0};
        assertArrayEquals(new float[] {1, 6e-7f, 0, 0, 0, 0}, pursue(identity(3), correlations, 3, 3, 1, device));
    }

    @Test
    void impossibleShapesAreRefused() {
        OmpKernels kernels = new OmpKernels(device, MOST_SHARED);
        assertThrows(IllegalArgumentException.class, () -> kernels.pursue(0, 0, 0, 1, 5, 6, 0, 1));
        assertThrows(IllegalArgumentException.class, () -> kernels.pursue(0, 0, 0, 1, 5, 0, 0, 1));
        assertThrows(CospadiException.class, () -> kernels.pursue(0, 0, 0, 1, 12_000, 9_000, 0, 1));
        kernels.pursue(0, 0, 0, 0, 5, 3, 0, 1);
    }

    /** What {@code omp.cu} states of devices with most and with least shared memory. */
    @ParameterizedTest
    @CsvSource({"166912, 20736", "101376, 12544"})
    void mostAtomsFit(int mostShared, int atoms) {
        int[] shared = new int[1];
        OmpKernels kernels =
                new OmpKernels((kernel, geometry, arguments) -> shared[0] = geometry.sharedBytes(), mostShared);
        int k = atoms / 8 * 4;
        kernels.pursue(0, 0, 0, 1, k, atoms - k, 0, 1);
        assertEquals(mostShared - 1024, shared[0]);
        assertThrows(CospadiException.class, () -> kernels.pursue(0, 0, 0, 1, k + 1, atoms - k, 0, 1));
    }

    @Test
    void scratchIsAsStated() {
        assertEquals(33.4, 4e-6 * OmpKernels.scratchFloats(3657, 1828, 1), 0.05);
        assertEquals(3 * (2 * 8 + 4), OmpKernels.scratchFloats(5, 2, 3));
    }
}
