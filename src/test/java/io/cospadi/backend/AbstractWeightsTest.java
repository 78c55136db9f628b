package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Weights in the type that a backend keeps them in, rows appended to a cache, and verbs that are recorded. */
abstract class AbstractWeightsTest extends AbstractBackendTest {
    /** A weight of bf16 values, and the same numbers. */
    private Matrix weight(int rows, int cols, double[] values) {
        ByteBuffer stored = ByteBuffer.allocate(2 * rows * cols).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < values.length; i++) {
            values[i] = Bfloat16.round((float) random.nextGaussian());
            stored.putShort(2 * i, Bfloat16.fromFloat((float) values[i]));
        }
        Matrix weight = closing(backend.allocateWeight(rows, cols, DType.BF16));
        assertEquals(backend.weightType(DType.BF16), weight.dtype());
        backend.load(weight, stored, DType.BF16);
        return weight;
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "1,7,5", "1,64,256", "2,33,65", "3,257,1024", "5,96,130", "40,70,33"})
    void weightsAreMultipliedAsTheNumbersThatTheyAre(int n, int d2, int d1) {
        double[] w = new double[d2 * d1];
        Matrix weight = weight(d2, d1, w);
        double[] x = normal(n * d1);
        Matrix out = output(n, d2, DType.F32);
        backend.gemm(1, matrix(n, d1, DType.F32, x), false, weight, true, 0, out);
        double[][] forward = product(x, false, w, true, n, d2, d1);
        assertWithin(forward[0], read(out), allowance(forward[1], d1), "x wᵀ");

        double[] g = normal(n * d2);
        double[] before = normal(n * d1);
        Matrix back = output(n, d1, DType.F32, before);
        backend.gemm(2, matrix(n, d2, DType.F32, g), false, weight, false, 1, back);
        double[][] backward = product(g, false, w, false, n, d1, d2);
        for (int i = 0; i < before.length; i++) {
            backward[0][i] = 2 * backward[0][i] + before[i];
            backward[1][i] = 2 * backward[1][i] + Math.abs(before[i]);
        }
        assertWithin(backward[0], read(back), allowance(backward[1], d2), "g w, added");
    }

    private static double[] allowance(double[] magnitudes, int terms) {
        return Arrays.stream(magnitudes).map(sum -> (terms + 4) * SINGLE * sum).toArray();
    }

    @Test
    void otherTypesBecomeF32() {
        assertEquals(DType.F32, backend.weightType(DType.F32));
        assertEquals(DType.F32, backend.weightType(DType.F16));
        assertEquals(DType.F32, closing(backend.allocateWeight(2, 3, DType.F16)).dtype());
    }

    private static Codes codes(int rows, int k, int s) {
        int[] atoms = new int[rows * s];
        float[] values = new float[rows * s];
        for (int p = 0; p < atoms.length; p++) {
            atoms[p] = p / s % 2 + p % s * (k - 1) / s;
            values[p] = (p % 31 - 15) / 16f;
        }
        return new Codes(rows, k, s, atoms, values);
    }

    @Test
    void duplicatedCodesStayWhenTheFirstAreClosed() {
        Matrix z = matrix(1, 45, DType.F32, normal(45));
        Matrix expected = output(1, 70, DType.F32);
        Matrix out = output(1, 70, DType.F32);
        SparseMatrix first = backend.upload(codes(70, 45, 20));
        SparseMatrix second = closing(backend.duplicate(first));
        assertEquals(first.shape(), second.shape());
        assertEquals(first.bytes(), second.bytes());
        backend.multiplyCodes(z, first, expected);
        first.close();
        backend.multiplyCodes(z, second, out);
        assertSame(read(expected), read(out), "product with the second");
    }

    /** With tokens whose values 16 bits hold, a library that rounds them gets the same numbers. */
    @ParameterizedTest
    @ValueSource(ints = {1, 5, 32})
    void librariesComputeWhatTheVerbsCompute(int n) {
        int k = 45;
        int d2 = 70;
        double[] values = Arrays.stream(normal(n * k))
                .map(value -> Bfloat16.round((float) value))
                .toArray();
        Matrix z = matrix(n, k, DType.F32, values);
        VendorProducts vendor = backend.vendorProducts();

        double[] w = new double[d2 * k];
        Matrix weight = weight(d2, k, w);
        Matrix out = output(n, d2, DType.F32);
        double[][] expected = product(values, false, w, true, n, d2, k);
        try (VendorProduct dense = vendor.dense(weight, z, out)) {
            assertEquals((long) weight.dtype().bytes() * d2 * k, dense.bytes());
            dense.multiply();
            assertWithin(expected[0], read(out), allowance(expected[1], k), vendor.dense());
        }

        Codes codes = codes(d2, k, 20);
        assertEquals(backend.name().equals("cuda"), vendor.sparse().isPresent());
        if (vendor.sparse().isEmpty()) {
            assertThrows(IllegalStateException.class, () -> vendor.sparse(codes, z, out));
            return;
        }
        Matrix product = output(n, d2, DType.F32);
        try (SparseMatrix packed = backend.upload(codes);
                VendorProduct sparse = vendor.sparse(codes, z, out)) {
            backend.multiplyCodes(z, packed, product);
            sparse.multiply();
            assertEquals(4L * (d2 + 1) + 6L * d2 * 20, sparse.bytes());
            assertWithin(read(product), read(out), 1e-4, vendor.sparse().get());
        }
    }

    @Test
    void verbsTakeTime() {
        Matrix x = matrix(300, 400, DType.F32);
        assertTrue(backend.seconds(() -> backend.fill(x, 1)) > 0);
        assertTrue(backend.memoryRate() > 0);
    }

    @ParameterizedTest
    @CsvSource({"4,6,0,4", "9,3,5,2", "9,3,8,1", "9,3,2,0"})
    void appendedRowsFollowThePosition(int capacity, int cols, int position, int n) {
        double[] before = normal(capacity * cols);
        double[] rows = normal(n * cols);
        Matrix cache = output(capacity, cols, DType.F32, before);
        backend.append(matrix(n, cols, DType.F32, rows), cache, position);
        System.arraycopy(rows, 0, before, position * cols, rows.length);
        assertSame(before, read(cache), "cache");
        Matrix tooMany = matrix(capacity - position + 1, cols, DType.F32);
        assertThrows(IllegalArgumentException.class, () -> backend.append(tooMany, cache, position));
    }

    @ParameterizedTest
    @CsvSource({"9,2,4,5,2", "9,3,8,8,1", "70,1,64,3,65", "9,2,4,2,0"})
    void rotatedRowsFollowThePosition(int capacity, int heads, int headDim, int position, int n) {
        int cols = heads * headDim;
        Matrix cos = matrix(capacity, headDim / 2, DType.F32, normal(capacity * headDim / 2));
        Matrix sin = matrix(capacity, headDim / 2, DType.F32, normal(capacity * headDim / 2));
        double[] rows = normal(n * cols);
        double[] expected = normal(capacity * cols);
        Matrix cache = output(capacity, cols, DType.F32, expected);
        Matrix turned = matrix(n, cols, DType.F32, rows);
        backend.rotate(turned, cos, sin, position);
        System.arraycopy(read(turned), 0, expected, position * cols, n * cols);
        backend.appendRotated(matrix(n, cols, DType.F32, rows), cos, sin, cache, position);
        assertSame(expected, read(cache), "cache");
    }

    /** One token's rotation, append and attention, recorded at position 3 and replayed behind it, against the verbs themselves. */
    @Test
    void recordedVerbsGiveWhatTheVerbsGive() {
        int heads = 4;
        int headDim = 8;
        int capacity = 200;
        Matrix cos = matrix(capacity, headDim / 2, DType.F32, normal(capacity * headDim / 2));
        Matrix sin = matrix(capacity, headDim / 2, DType.F32, normal(capacity * headDim / 2));
        double[] past = normal(capacity * 2 * headDim);
        Matrix keys = matrix(capacity, 2 * headDim, DType.F32, past);
        Matrix values = matrix(capacity, 2 * headDim, DType.F32, past);
        Matrix query = matrix(1, heads * headDim, DType.F32);
        Matrix key = matrix(1, 2 * headDim, DType.F32);
        Matrix value = matrix(1, 2 * headDim, DType.F32, normal(2 * headDim));
        Matrix out = matrix(1, heads * headDim, DType.F32);
        double[] q = normal(heads * headDim);
        double[] k = normal(2 * headDim);
        class Step implements Runnable {
            private int position;

            @Override
            public void run() {
                backend.together(
                        () -> backend.rotate(query, cos, sin, position),
                        () -> backend.appendRotated(key, cos, sin, keys, position),
                        () -> backend.append(value, values, position));
                try (Matrix scratch = backend.allocate(1, heads * headDim, DType.F32)) {
                    backend.attention(query, keys, values, heads, headDim, position, 150, scratch);
                    backend.copy(scratch, out);
                }
            }

            double[] at(int position, Runnable run) {
                this.position = position;
                write(query, q);
                write(key, k);
                write(keys, past);
                write(values, past);
                run.run();
                return read(out);
            }
        }
        Step step = new Step();
        double[] third = step.at(3, step);
        step.position = 3;
        Optional<Recording> made = backend.record(step);
        assertEquals(backend.name().equals("cuda"), made.isPresent());
        if (made.isEmpty()) {
            return;
        }
        try (Recording recording = made.get()) {
            assertSame(third, read(out), "recording has no effect");
            for (int position : new int[] {3, 4, 3, 70, 199}) {
                double[] replayed = step.at(position, () -> recording.replay(position - 3));
                double[] direct = step.at(position, step);
                assertWithin(direct, replayed, 1e-5, "position " + position);
            }
        }
    }
}
