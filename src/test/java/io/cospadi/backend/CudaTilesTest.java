package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/** Products of many tokens beyond what a tile of memory holds, which the suites of all backends don't reach. */
class CudaTilesTest extends AbstractBackendTest {
    @Override
    Backend create() {
        return TestBackends.emulated();
    }

    @Test
    void tokensBeyondATileAreMultiplied() {
        int d1 = 100_003;
        int n = (int) (CudaMemory.TILE_BYTES / (6L * CudaSplitProducts.pitch(d1))) + 2;
        assertEquals(113, n, "two lots");
        int d2 = 2;
        double[] w = new double[d2 * d1];
        ByteBuffer stored = ByteBuffer.allocate(2 * w.length).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < w.length; i++) {
            w[i] = Bfloat16.round((float) random.nextGaussian());
            stored.putShort(2 * i, Bfloat16.fromFloat((float) w[i]));
        }
        Matrix weight = closing(backend.allocateWeight(d2, d1, DType.BF16));
        backend.load(weight, stored, DType.BF16);
        double[] x = normal(n * d1);
        double[] before = normal(n * d2);
        Matrix out = output(n, d2, DType.F32, before);
        backend.gemm(-0.5, matrix(n, d1, DType.F32, x), false, weight, true, 2, out);
        double[][] expected = product(x, false, w, true, n, d2, d1);
        double[] allowance = new double[before.length];
        for (int i = 0; i < before.length; i++) {
            expected[0][i] = -0.5 * expected[0][i] + 2 * before[i];
            allowance[i] = (d1 + 6) * SINGLE * (expected[1][i] + 2 * Math.abs(before[i]));
        }
        assertWithin(expected[0], read(out), allowance, "x wᵀ, added");
    }

    /** So many atoms that tokens are not multiplied slot by slot, however few they are. */
    @Test
    void codesBeyondATileAreMultiplied() {
        int k = 65_000;
        int rows = (int) (CudaMemory.TILE_BYTES / (2L * k)) + 5;
        assertEquals(521, rows, "two lots");
        int s = 2;
        int[] atoms = new int[rows * s];
        float[] values = new float[rows * s];
        for (int i = 0; i < rows; i++) {
            atoms[i * s] = random.nextInt(k / 2);
            atoms[i * s + 1] = k - 1 - random.nextInt(k / 2);
            values[i * s] = Bfloat16.round((float) random.nextGaussian());
            values[i * s + 1] = Bfloat16.round((float) random.nextGaussian());
        }
        int n = 3;
        double[] z = normal(n * k);
        double[] expected = new double[n * rows];
        double[] allowance = new double[n * rows];
        for (int t = 0; t < n; t++) {
            for (int p = 0; p < rows * s; p++) {
                double term = z[t * k + atoms[p]] * values[p];
                expected[t * rows + p / s] += term;
                allowance[t * rows + p / s] += (s + 4) * SINGLE * Math.abs(term);
            }
        }
        Matrix out = output(n, rows, DType.F32);
        SparseMatrix packed = closing(backend.upload(new Codes(rows, k, s, atoms, values)));
        backend.multiplyCodes(matrix(n, k, DType.F32, z), packed, out);
        assertWithin(expected, read(out), allowance, "z codesᵀ");
    }
}
