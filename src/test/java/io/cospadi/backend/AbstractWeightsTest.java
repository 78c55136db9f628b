package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
    @CsvSource({"1,1,1", "1,7,5", "1,64,256", "2,33,65", "3,257,1024", "5,96,130", "40,70,33", "64,64,264"})
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

    /** Tensor cores cut their sums instead of rounding them: what is lost must not grow with the number of products. */
    @ParameterizedTest
    @CsvSource({"1", "20", "70"})
    void longSumsStayNearWhatTheyAre(int n) {
        int d1 = 14_336;
        int d2 = 24;
        double[] w = new double[d2 * d1];
        Matrix weight = weight(d2, d1, w);
        double[] x = normal(n * d1);
        Matrix out = output(n, d2, DType.F32);
        backend.gemm(1, matrix(n, d1, DType.F32, x), false, weight, true, 0, out);
        double[] expected = product(x, false, w, true, n, d2, d1)[0];
        double[] found = read(out);
        double off = 0;
        double size = 0;
        for (int i = 0; i < found.length; i++) {
            off += (found[i] - expected[i]) * (found[i] - expected[i]);
            size += expected[i] * expected[i];
        }
        assertTrue(Math.sqrt(off / size) < 1e-5, "off by " + Math.sqrt(off / size) + " in the mean");
    }

    /** An infinity or NaN in one token's features is in all its results, and in no other token's. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3, 9, 20, 70})
    void whatIsNotFiniteIsNotLost(int n) {
        int d1 = 40;
        int d2 = 33;
        Matrix weight = weight(d2, d1, new double[d2 * d1]);
        SparseMatrix one = closing(backend.upload(new Codes(1, d1, 2, new int[] {1, 5}, new float[] {0.5f, -1})));
        for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
            double[] x = normal(n * d1);
            x[(n - 1) * d1 + 1] = bad;
            Matrix tokens = matrix(n, d1, DType.F32, x);
            Matrix out = output(n, d2, DType.F32);
            backend.gemm(1, tokens, false, weight, true, 0, out);
            requireLastNotFinite(read(out), (n - 1) * d2, n * d2);
            Matrix sparse = output(n, 1, DType.F32);
            backend.multiplyCodes(tokens, one, sparse);
            requireLastNotFinite(read(sparse), n - 1, n);
        }
    }

    private static void requireLastNotFinite(double[] values, int from, int end) {
        assertEquals(end, values.length);
        for (int i = 0; i < end; i++) {
            assertEquals(i < from, Double.isFinite(values[i]), "at " + i + ": " + values[i]);
        }
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

    /** Both orders of x D S, from factors that the backend keeps in bf16 and in f32. */
    @ParameterizedTest
    @CsvSource({"1,3,5,7,2", "0,3,5,7,2", "4,3,0,7,2", "20,40,70,45,20", "33,130,300,64,32", "65,17,129,100,3"})
    void theWeightMadeGivesWhatItsFactorsGive(int n, int d1, int d2, int k, int s) {
        Codes codes = codes(d2, k, s);
        double[] dense = new double[d2 * k];
        for (int p = 0; p < d2 * s; p++) {
            dense[p / s * k + codes.atoms()[p]] = codes.values()[p];
        }
        double[] d = new double[k * d1];
        Matrix stored = weight(k, d1, d);
        double[] x = normal(n * d1);
        double[] before = normal(n * d2);
        double[] expected = product(product(x, false, d, true, n, k, d1)[0], false, dense, true, n, d2, k)[0];
        double[] magnitudes = product(
                product(magnitudes(x), false, magnitudes(d), true, n, k, d1)[0],
                false,
                magnitudes(dense),
                true,
                n,
                d2,
                k)[0];
        Matrix tokens = matrix(n, d1, DType.F32, x);
        SparseMatrix packed = closing(backend.upload(codes));
        for (Matrix dictionary : new Matrix[] {stored, matrix(k, d1, DType.F32, d)}) {
            Matrix z = matrix(n, k, DType.F32);
            backend.gemm(1, tokens, false, dictionary, true, 0, z);
            for (boolean add : new boolean[] {false, true}) {
                double[] sums = new double[expected.length];
                double[] allowance = new double[expected.length];
                for (int i = 0; i < sums.length; i++) {
                    sums[i] = expected[i] + (add ? before[i] : 0);
                    allowance[i] = (k + d1 + 8) * SINGLE * (magnitudes[i] + Math.abs(before[i]));
                }
                Matrix factored = output(n, d2, DType.F32, before);
                backend.multiplyCodes(z, packed, add, factored);
                assertWithin(sums, read(factored), allowance, dictionary.dtype() + ", (x D) S, adding " + add);
                Matrix rebuilt = output(n, d2, DType.F32, before);
                backend.multiplyRebuilt(tokens, dictionary, packed, add, rebuilt);
                assertWithin(sums, read(rebuilt), allowance, dictionary.dtype() + ", x (D S), adding " + add);
            }
        }
    }

    private static double[] magnitudes(double[] values) {
        return Arrays.stream(values).map(Math::abs).toArray();
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
    @CsvSource({"9,4,2,4,5,2", "9,6,3,8,8,1", "70,1,1,64,3,65", "9,2,1,4,2,0", "4,3,3,2,0,4"})
    void turnedKeysAndValuesFollowThePosition(int capacity, int heads, int kvHeads, int headDim, int position, int n) {
        int width = kvHeads * headDim;
        Matrix cos = matrix(capacity, headDim / 2, DType.F32, normal(capacity * headDim / 2));
        Matrix sin = matrix(capacity, headDim / 2, DType.F32, normal(capacity * headDim / 2));
        double[] q = normal(n * heads * headDim);
        double[] k = normal(n * width);
        double[] v = normal(n * width);
        Matrix turnedQueries = matrix(n, heads * headDim, DType.F32, q);
        Matrix turnedKeys = matrix(n, width, DType.F32, k);
        backend.rotate(turnedQueries, cos, sin, position);
        backend.rotate(turnedKeys, cos, sin, position);
        double[] keys = normal(capacity * width);
        double[] values = normal(capacity * width);
        Matrix keyCache = output(capacity, width, DType.F32, keys);
        Matrix valueCache = output(capacity, width, DType.F32, values);
        System.arraycopy(read(turnedKeys), 0, keys, position * width, n * width);
        System.arraycopy(v, 0, values, position * width, n * width);

        Matrix queries = output(n, heads * headDim, DType.F32, q);
        Matrix value = matrix(n, width, DType.F32, v);
        backend.rotateAndAppend(
                queries, matrix(n, width, DType.F32, k), value, cos, sin, keyCache, valueCache, position);
        assertSame(read(turnedQueries), read(queries), "queries");
        assertSame(keys, read(keyCache), "keys");
        assertSame(values, read(valueCache), "values");
    }

    /** Tables reach further than the cache, so that only its own end is in the way. */
    @Test
    void rowsPastTheCachesEndAreRefused() {
        Matrix cos = matrix(9, 2, DType.F32);
        Matrix sin = matrix(9, 2, DType.F32);
        Matrix keyCache = output(6, 4, DType.F32);
        Matrix valueCache = output(6, 4, DType.F32);
        Matrix queries = matrix(3, 8, DType.F32);
        Matrix keys = matrix(3, 4, DType.F32);
        Matrix values = matrix(3, 4, DType.F32);
        backend.rotateAndAppend(
                queries.rows(0, 2), keys.rows(0, 2), values.rows(0, 2), cos, sin, keyCache, valueCache, 4);
        String message = assertThrows(
                        IllegalArgumentException.class,
                        () -> backend.rotateAndAppend(queries, keys, values, cos, sin, keyCache, valueCache, 4))
                .getMessage();
        assertTrue(message.contains("room from position 4"), message);
    }

    /** One token and several; bf16 and f32 side by side, or more of them than a launch takes. */
    @ParameterizedTest
    @CsvSource({"1,64,BF16", "4,64,BF16", "5,64,BF16", "1,65,BF16", "1,64,F32", "3,9,F32"})
    void weightsOfOneInputAreMultipliedAsEachWouldBe(int n, int d1, DType second) {
        for (int[] rows : new int[][] {{5, 33, 70}, {40}, {1, 2, 3, 4}}) {
            double[] x = normal(n * d1);
            Matrix input = matrix(n, d1, DType.F32, x);
            List<Matrix> weights = new ArrayList<>();
            List<double[]> numbers = new ArrayList<>();
            List<Matrix> out = new ArrayList<>();
            for (int d2 : rows) {
                double[] w = normal(d2 * d1);
                boolean stored = weights.size() != 1 || second == DType.BF16;
                weights.add(stored ? weight(d2, d1, w) : matrix(d2, d1, DType.F32, w));
                numbers.add(w);
                out.add(output(n, d2, DType.F32));
            }
            backend.multiplyWeights(input, weights, out);
            for (int i = 0; i < rows.length; i++) {
                double[][] expected = product(x, false, numbers.get(i), true, n, rows[i], d1);
                assertWithin(expected[0], read(out.get(i)), allowance(expected[1], d1), "weight " + i);
            }
        }
        backend.multiplyWeights(matrix(n, d1, DType.F32), List.of(), List.of());
    }

    /** Of few atoms, and of more than a GPU's block shares memory for. */
    @ParameterizedTest
    @CsvSource({"1,45", "3,45", "1,60000"})
    void codesOfSeveralProjectionsAreMultipliedAsEachWouldBe(int n, int atoms) {
        for (int count = 0; count <= 4; count++) {
            List<Matrix> z = new ArrayList<>();
            List<SparseMatrix> codes = new ArrayList<>();
            List<Matrix> out = new ArrayList<>();
            List<double[]> expected = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                int k = atoms + 8 * i;
                int d2 = 70 - 31 * i % 40;
                z.add(matrix(n, k, DType.F32, normal(n * k)));
                codes.add(closing(backend.upload(codes(d2, k, 20 + i))));
                out.add(output(n, d2, DType.F32));
                backend.multiplyCodes(z.get(i), codes.get(i), out.get(i));
                expected.add(read(out.get(i)));
                backend.fill(out.get(i), Double.NaN);
            }
            backend.multiplyCodes(z, codes, out);
            for (int i = 0; i < count; i++) {
                assertSame(expected.get(i), read(out.get(i)), "codes " + i + " of " + count);
            }
        }
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
                backend.rotateAndAppend(query, key, value, cos, sin, keys, values, position);
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
