package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cospadi.gpu.EmulatedCuda;
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

    /** Codes with two nonzeros a row, far apart. */
    private Codes twoARow(int rows, int k) {
        int[] atoms = new int[2 * rows];
        float[] values = new float[2 * rows];
        for (int p = 0; p < 2 * rows; p++) {
            atoms[p] = p % 2 == 0 ? random.nextInt(k / 2) : k - 1 - random.nextInt(k / 2);
            values[p] = Bfloat16.round((float) random.nextGaussian());
        }
        return new Codes(rows, k, 2, atoms, values);
    }

    /** So many atoms that tokens are not multiplied slot by slot, however few they are. */
    @Test
    void codesBeyondATileAreMultiplied() {
        int k = 65_000;
        int rows = (int) (CudaMemory.TILE_BYTES / (2L * k)) + 5;
        assertEquals(521, rows, "two lots");
        int s = 2;
        Codes codes = twoARow(rows, k);
        int n = 3;
        double[] z = normal(n * k);
        double[] expected = new double[n * rows];
        double[] allowance = new double[n * rows];
        for (int t = 0; t < n; t++) {
            for (int p = 0; p < rows * s; p++) {
                double term = z[t * k + codes.atoms()[p]] * codes.values()[p];
                expected[t * rows + p / s] += term;
                allowance[t * rows + p / s] += (s + 4) * SINGLE * Math.abs(term);
            }
        }
        Matrix out = output(n, rows, DType.F32);
        SparseMatrix packed = closing(backend.upload(codes));
        backend.multiplyCodes(matrix(n, k, DType.F32, z), packed, out);
        assertWithin(expected, read(out), allowance, "z codesᵀ");
    }

    /** With no more memory left than the verb says it takes. */
    @Test
    void weightsBeyondATileAreMade() {
        int k = 65_000;
        int d1 = 8;
        int rows = (int) (CudaMemory.TILE_BYTES / (6L * k + 4L * d1)) + 5;
        assertEquals(177, rows, "two lots");
        Codes codes = twoARow(rows, k);
        double[] d = normal(k * d1);
        double[] x = normal(2 * d1);
        double[] expected = new double[2 * rows];
        double[] allowance = new double[2 * rows];
        for (int i = 0; i < expected.length; i++) {
            for (int p = 2 * (i % rows); p < 2 * (i % rows) + 2; p++) {
                for (int j = 0; j < d1; j++) {
                    double term = x[i / rows * d1 + j] * d[codes.atoms()[p] * d1 + j] * codes.values()[p];
                    expected[i] += term;
                    allowance[i] += (2 + d1 + 8) * SINGLE * Math.abs(term);
                }
            }
        }
        backend.close();
        backend = TestBackends.on(new EmulatedCuda(), 128 << 20);
        Matrix out = output(2, rows, DType.F32);
        SparseMatrix packed = closing(backend.upload(codes));
        Matrix tokens = matrix(2, d1, DType.F32, x);
        Matrix dictionary = matrix(k, d1, DType.F32, d);
        long spare;
        while ((spare = backend.availableBytes() - (66L << 20)) > 1 << 20) {
            matrix(1, (int) (spare / 5), DType.F32);
        }
        backend.multiplyRebuilt(tokens, dictionary, packed, false, out);
        assertWithin(expected, read(out), allowance, "x (D S)");
    }
}
