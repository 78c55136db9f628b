package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.DType;
import io.cospadi.tensor.HostMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Equal inputs give equal bits for one thread count, whichever worker takes which task; and what threads mean to callers. */
class CpuDeterminismTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void repeatedRunsGiveEqualBits(int threads) {
        List<double[]> first = results(threads);
        for (int repeat = 0; repeat < 3; repeat++) {
            List<double[]> again = results(threads);
            for (int i = 0; i < first.size(); i++) {
                assertArrayEquals(first.get(i), again.get(i), 0.0, "result " + i);
            }
        }
    }

    /** Everything that sums or chooses, at sizes that every worker takes part in. */
    private static List<double[]> results(int threads) {
        List<double[]> results = new ArrayList<>();
        try (Backend b = new CpuBackend(threads);
                Matrix x = normal(b, 401, 203, 1);
                Matrix y = normal(b, 307, 203, 2);
                Matrix z = b.allocate(401, 307, DType.F32);
                Matrix gram = b.allocate(203, 203, DType.F64);
                Matrix narrow = b.allocate(203, 203, DType.F32);
                Matrix side = b.allocate(203, 401, DType.F32);
                Matrix codes = b.allocate(401, 203, DType.F32);
                Matrix attended = b.allocate(401, 203, DType.F32);
                Matrix ofKeys = b.allocate(401, 203, DType.F32);
                Matrix ofValues = b.allocate(401, 203, DType.F32)) {
            b.gemm(1, x, false, y, true, 0, z);
            results.add(wide(b.readFloats(z)));
            b.addGram(x, gram);
            results.add(b.readDoubles(gram));
            results.add(new double[] {b.dot(x, x)});
            b.scale(1.0 / 401, gram);
            b.copy(gram, narrow);
            b.addToDiagonal(narrow, 1);
            b.orthogonalMatchingPursuit(narrow, x, 40, codes);
            results.add(wide(b.readFloats(codes)));
            b.attention(x, x, x, 29, 7, 0, 300, attended);
            results.add(wide(b.readFloats(attended)));
            b.attentionGradient(x, x, x, 29, 7, 300, codes, attended, ofKeys, ofValues);
            for (Matrix gradient : new Matrix[] {attended, ofKeys, ofValues}) {
                results.add(wide(b.readFloats(gradient)));
            }
            assertTrue(b.cholesky(narrow));
            b.transpose(x, side);
            b.solveCholesky(narrow, side);
            results.add(wide(b.readFloats(side)));
            results.add(b.eigenSymmetric(gram));
            results.add(b.readDoubles(gram));
        }
        return results;
    }

    private static Matrix normal(Backend backend, int rows, int cols, int seed) {
        Random random = new Random(seed);
        float[] values = new float[rows * cols];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return backend.upload(new HostMatrix(rows, cols, values));
    }

    private static double[] wide(float[] values) {
        double[] wide = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            wide[i] = values[i];
        }
        return wide;
    }

    @Test
    void identityNamesLibraryKernelAndThreads() {
        try (CpuBackend one = new CpuBackend(1);
                CpuBackend two = new CpuBackend(2)) {
            assertTrue(one.identity().contains("OpenBLAS 0."), one.identity());
            assertNotEquals(one.identity(), two.identity());
            assertEquals("cpu", two.name());
            assertEquals(2, two.threads());
        }
        assertThrows(IllegalArgumentException.class, () -> new CpuBackend(0));
    }

    @Test
    void closedBackendRefusesWork() {
        CpuBackend backend = new CpuBackend(2);
        try (Matrix matrix = backend.allocate(2, 2, DType.F32)) {
            backend.close();
            backend.close();
            assertThrows(IllegalStateException.class, () -> backend.fill(matrix, 1));
        }
        assertEquals(0, backend.allocatedBytes());
    }

    @Test
    void failureInAWorkerReachesTheCaller() {
        try (Workers workers = new Workers(2)) {
            for (int failing = 0; failing < 8; failing++) {
                int at = failing;
                IllegalArgumentException thrown = assertThrows(
                        IllegalArgumentException.class,
                        () -> workers.run(8, (number, scratch) -> {
                            if (number == at) {
                                throw new IllegalArgumentException("task " + number);
                            }
                        }));
                assertEquals("task " + at, thrown.getMessage());
            }
        }
    }
}
