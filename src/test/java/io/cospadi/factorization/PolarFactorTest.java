package io.cospadi.factorization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Both ways to a polar factor, against what defines it. */
class PolarFactorTest {
    private final Backend backend = new CpuBackend(1);
    private final Effort effort = new Effort(backend);
    private final Scratch scratch = new Scratch(backend);
    private final SplittableRandom random = new SplittableRandom(5);

    @AfterEach
    void close() {
        scratch.close();
        assertEquals(0, backend.allocatedBytes(), "left allocated");
        backend.close();
    }

    private List<PolarFactor> ways(int k) {
        return List.of(
                new PolarByEigenvectors(backend, effort, scratch, k), new PolarByProducts(backend, effort, scratch, k));
    }

    private double[][] normal(int rows, int cols) {
        double[][] values = new double[rows][cols];
        for (double[] row : values) {
            for (int j = 0; j < cols; j++) {
                row[j] = random.nextGaussian();
            }
        }
        return values;
    }

    private double[][] computed(PolarFactor way, double[][] a) {
        int k = a.length;
        int r = a[0].length;
        try (Matrix product = backend.allocate(k, r, DType.F64);
                Matrix polar = backend.allocate(k, r, DType.F64)) {
            double[] flat = new double[k * r];
            for (int i = 0; i < k; i++) {
                System.arraycopy(a[i], 0, flat, i * r, r);
            }
            backend.write(product, flat);
            way.compute(product, polar);
            way.complete(polar);
            return Plain.matrix(k, r, backend.readDoubles(polar));
        }
    }

    private static void assertOrthonormal(double[][] polar) {
        double[][] gram = Plain.product(polar, Plain.transpose(polar));
        for (int i = 0; i < gram.length; i++) {
            for (int j = 0; j < gram.length; j++) {
                assertEquals(i == j ? 1 : 0, gram[i][j], 1e-8, "rows " + i + " and " + j);
            }
        }
    }

    /** Orthonormal rows U, and A Uᵀ symmetric without negative eigenvalues: that is the polar factor and no other. */
    @ParameterizedTest
    @CsvSource({"1,1,1", "1,9,1", "7,7,1", "20,33,1", "40,40,1e-2", "40,64,1e-4"})
    void rowsAreOrthonormalAndTheRestIsPositive(int k, int r, double smallest) {
        double[][] a = Plain.product(normal(k, k), normal(k, r));
        // singular values fall towards the last rows
        for (int i = 0; i < k; i++) {
            for (int j = 0; j < r; j++) {
                a[i][j] *= k == 1 ? 1 : Math.pow(smallest, i / (k - 1.0));
            }
        }
        for (PolarFactor way : ways(k)) {
            double[][] polar = computed(way, a);
            assertOrthonormal(polar);
            double[][] rest = Plain.product(a, Plain.transpose(polar));
            double largest = 0;
            for (int i = 0; i < k; i++) {
                largest = Math.max(largest, rest[i][i]);
            }
            for (int i = 0; i < k; i++) {
                for (int j = 0; j < k; j++) {
                    assertEquals(rest[i][j], rest[j][i], 1e-10 * largest, "asymmetric at " + i + ", " + j);
                }
                assertTrue(rest[i][i] > -1e-10 * largest, "negative at " + i);
            }
            try (Matrix wide = backend.allocate(k, k, DType.F64)) {
                double[] flat = new double[k * k];
                for (int i = 0; i < k * k; i++) {
                    flat[i] = (rest[i / k][i % k] + rest[i % k][i / k]) / 2;
                }
                backend.write(wide, flat);
                assertTrue(backend.eigenSymmetric(wide)[0] > -1e-10 * largest, "a negative eigenvalue");
            }
        }
    }

    /** Down to 1e-9 of the largest the steps alone do; below it, what they leave is brought up, and only then. */
    @ParameterizedTest
    @CsvSource({"1e-2,false", "1e-6,false", "1e-9,false", "1e-12,true", "1e-15,true"})
    void weakDirectionsAreBroughtUpWhereStepsLeftThem(double smallest, boolean left) {
        int k = 12;
        double[][] u = computed(new PolarByEigenvectors(backend, effort, scratch, k), normal(k, 20));
        double[][] a = new double[k][];
        for (int i = 0; i < k; i++) {
            // one stands out, as the scale is theirs together; one is weak
            double strength = i == k - 1 ? smallest : i == 0 ? 1 : 0.1;
            a[i] = Arrays.stream(u[i]).map(x -> strength * x).toArray();
        }
        PolarByProducts way = new PolarByProducts(backend, effort, scratch, k);
        try (Matrix product = backend.allocate(k, 20, DType.F64);
                Matrix polar = backend.allocate(k, 20, DType.F64)) {
            backend.write(product, Plain.flat(a));
            way.compute(product, polar);
            double[][] before = Plain.matrix(k, 20, backend.readDoubles(polar));
            assertEquals(left, way.complete(polar));
            double[][] after = Plain.matrix(k, 20, backend.readDoubles(polar));
            assertOrthonormal(after);
            if (!left) {
                assertArrayEquals(before, after);
            }
            for (int i = 0; i < k - 1; i++) {
                assertArrayEquals(u[i], after[i], 1e-8, "row " + i);
            }
        }
    }

    @Test
    void missingDirectionsAreFilledUp() {
        double[][] a = Plain.product(normal(12, 5), normal(5, 20));
        for (PolarFactor way : ways(12)) {
            double[][] polar = computed(way, a);
            assertOrthonormal(polar);
            // what is there is kept: A Uᵀ U = A
            double[][] back = Plain.product(Plain.product(a, Plain.transpose(polar)), polar);
            for (int i = 0; i < 12; i++) {
                for (int j = 0; j < 20; j++) {
                    assertEquals(a[i][j], back[i][j], 1e-7, "at " + i + ", " + j);
                }
            }
        }
    }

    /** A direction far above the others, which a step that is too long would throw away. */
    @Test
    void aDominantDirectionIsKept() {
        int k = 30;
        double[][] u = computed(new PolarByEigenvectors(backend, effort, scratch, k), normal(k, 45));
        double[][] v = computed(new PolarByEigenvectors(backend, effort, scratch, k), normal(k, k));
        double[][] a = new double[k][];
        for (int i = 0; i < k; i++) {
            double strength = i == 0 ? 1 : 1e-2 * Math.pow(1e-2, i / (k - 1.0));
            a[i] = Arrays.stream(u[i]).map(x -> strength * x).toArray();
        }
        double[][] turned = Plain.product(Plain.transpose(v), a);
        double[][] expected = Plain.product(Plain.transpose(v), u);
        for (PolarFactor way : ways(k)) {
            double[][] polar = computed(way, turned);
            for (int i = 0; i < k; i++) {
                assertArrayEquals(expected[i], polar[i], 1e-9, "row " + i);
            }
        }
    }

    @Test
    void whatIsNotFiniteIsRefused() {
        double[][] a = normal(6, 8);
        a[2][3] = Double.NaN;
        for (PolarFactor way : ways(6)) {
            assertThrows(ArithmeticException.class, () -> computed(way, a));
        }
    }

    @Test
    void theSizeOfNumbersDoesNotMatter() {
        double[][] a = normal(6, 8);
        for (double size : new double[] {1e-25, 1e25}) {
            double[][] scaled = new double[6][8];
            for (int i = 0; i < 6; i++) {
                for (int j = 0; j < 8; j++) {
                    scaled[i][j] = size * a[i][j];
                }
            }
            for (PolarFactor way : ways(6)) {
                assertOrthonormal(computed(way, scaled));
            }
        }
    }
}
