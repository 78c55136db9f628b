package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.HostMatrix;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Sparse and low-rank projections inside a whole model, against the dense model made of their products in f64. */
abstract class AbstractFactoredDecoderTest {
    private static final int K = 11;
    private static final int S = 5;
    private static final int RANK = 6;

    private final DecoderFixture fixture = DecoderFixture.named("qwen2");

    abstract Backend create();

    private static boolean isLowRank(Projection projection) {
        return projection.type() == ProjectionType.V || projection.type() == ProjectionType.DOWN;
    }

    private static Random random(Projection projection) {
        return new Random(projection.name().hashCode());
    }

    private static HostMatrix gaussian(Random random, int rows, int cols, double scale) {
        HostMatrix matrix = new HostMatrix(rows, cols);
        for (int i = 0; i < matrix.data().length; i++) {
            matrix.data()[i] = (float) (scale * random.nextGaussian());
        }
        return matrix;
    }

    private static Codes codes(Random random, int rows) {
        int[] atoms = new int[rows * S];
        float[] values = new float[rows * S];
        for (int i = 0; i < rows; i++) {
            int[] chosen = IntStream.range(0, K)
                    .boxed()
                    .sorted(java.util.Comparator.comparing(j -> random.nextDouble()))
                    .limit(S)
                    .mapToInt(j -> j)
                    .sorted()
                    .toArray();
            for (int j = 0; j < S; j++) {
                atoms[i * S + j] = chosen[j];
                values[i * S + j] = Bfloat16.round((float) random.nextGaussian());
            }
        }
        return new Codes(rows, K, S, atoms, values);
    }

    private record Parts(HostMatrix left, HostMatrix right, Codes codes) {}

    /** The factors of a projection, the same whoever asks. */
    private static Parts parts(Projection projection) {
        Random random = random(projection);
        double scale = 1 / Math.sqrt(projection.d1());
        if (isLowRank(projection)) {
            HostMatrix down = gaussian(random, RANK, projection.d1(), scale);
            return new Parts(gaussian(random, projection.d2(), RANK, 0.4), down, null);
        }
        HostMatrix dictionary = gaussian(random, K, projection.d1(), scale);
        return new Parts(null, dictionary, codes(random, projection.d2()));
    }

    private static double[][] product(Projection projection) {
        Parts parts = parts(projection);
        double[][] weight = new double[projection.d2()][projection.d1()];
        for (int i = 0; i < projection.d2(); i++) {
            for (int j = 0; j < projection.d1(); j++) {
                if (parts.codes() == null) {
                    for (int r = 0; r < RANK; r++) {
                        weight[i][j] +=
                                (double) parts.left().at(i, r) * parts.right().at(r, j);
                    }
                } else {
                    for (int p = i * S; p < i * S + S; p++) {
                        weight[i][j] += (double) parts.codes().values()[p]
                                * parts.right().at(parts.codes().atoms()[p], j);
                    }
                }
            }
        }
        return weight;
    }

    /** The fixture's model with every projection replaced by its factors. */
    private static final class Factored extends DelegatingWeights {
        private final DenseWeights dense;

        Factored(DenseWeights dense) {
            super(dense);
            this.dense = dense;
        }

        @Override
        public Linear projection(Projection projection, Backend backend) {
            Parts parts = parts(projection);
            Matrix bias = dense.biasOrNull(projection, backend);
            Matrix right = backend.upload(parts.right());
            return parts.codes() == null
                    ? new LowRankLinear(right, backend.upload(parts.left()), bias)
                    : new SparseLinear(right, backend.upload(parts.codes()), bias);
        }
    }

    @Test
    void factoredModelEqualsTheDenseModelOfItsProducts() {
        PlainDecoder plain = new PlainDecoder(fixture.folder());
        int[] ids = fixture.ids()[0];
        try (Backend backend = create()) {
            try (ModelWeights weights = new Factored((DenseWeights) fixture.open())) {
                weights.config().projections().forEach(p -> plain.replace(p, product(p)));
                double[][] expected = plain.logits(ids, (site, x) -> {});
                for (int step : new int[] {ids.length, 5, 1}) {
                    check(expected, ids, step, weights, backend);
                }
            }
            assertEquals(0, backend.allocatedBytes(), "everything allocated is freed");
        }
    }

    private static void check(double[][] expected, int[] ids, int step, ModelWeights weights, Backend backend) {
        try (ResidentModel model = new ResidentModel(weights, backend, ids.length)) {
            for (int from = 0; from < ids.length; from += step) {
                int end = Math.min(from + step, ids.length);
                float[] found = model.lastLogits(model.advance(Arrays.copyOfRange(ids, from, end)));
                for (int j = 0; j < found.length; j++) {
                    assertEquals(
                            expected[end - 1][j],
                            found[j],
                            1e-4,
                            "step " + step + ", position " + end + ", token " + j);
                }
            }
        }
    }

    /**
     * At both sides of where the rule says so; seen by the memory that {@code z = x D} takes, which nobody needs who makes W.
     */
    @Test
    void theWeightIsMadeFromTheCrossoverOn() {
        int d1 = 24;
        int d2 = 40;
        int k = 64;
        Random random = new Random(42);
        HostMatrix atoms = gaussian(random, k, d1, 0.2);
        Codes codes = everyOther(random, d2, k);
        HostMatrix bias = gaussian(random, 1, d2, 1);
        try (Backend backend = create();
                SparseLinear linear =
                        new SparseLinear(backend.upload(atoms), backend.upload(codes), backend.upload(bias))) {
            double cost = backend.singlePrecisionCost();
            int most = 1;
            while (most * k * (cost * d1 + d2) <= cost * (k + most) * d1 * d2) {
                most++;
            }
            most--;
            assertTrue(most > 8, "factored up to " + most);
            for (int n : new int[] {most + 1, most}) {
                HostMatrix x = gaussian(random, n, d1, 1);
                HostMatrix before = gaussian(random, n, d2, 1);
                try (Matrix tokens = backend.upload(x);
                        Matrix out = backend.allocate(n, d2, DType.F32);
                        Matrix sum = backend.upload(before)) {
                    long held = backend.allocatedBytes();
                    linear.apply(backend, tokens, out);
                    linear.applyAdding(backend, tokens, sum);
                    assertEquals(n == most ? 4L * n * k : 0, backend.allocatedBytes() - held, n + " tokens");
                    float[] found = backend.readFloats(out);
                    float[] added = backend.readFloats(sum);
                    for (int i = 0; i < n * d2; i++) {
                        double expected = bias.data()[i % d2];
                        for (int p = i % d2 * codes.s(); p < (i % d2 + 1) * codes.s(); p++) {
                            for (int j = 0; j < d1; j++) {
                                expected +=
                                        (double) codes.values()[p] * atoms.at(codes.atoms()[p], j) * x.at(i / d2, j);
                            }
                        }
                        assertEquals(expected, found[i], 1e-4, n + " tokens, " + i);
                        assertEquals(expected + before.data()[i], added[i], 1e-4, n + " tokens, added, " + i);
                    }
                }
            }
        }
    }

    private static Codes everyOther(Random random, int rows, int k) {
        int s = k / 2;
        int[] atoms = new int[rows * s];
        float[] values = new float[rows * s];
        for (int p = 0; p < atoms.length; p++) {
            atoms[p] = p % s * 2 + p / s % 2;
            values[p] = Bfloat16.round((float) random.nextGaussian());
        }
        return new Codes(rows, k, s, atoms, values);
    }

    @Test
    void costsAreCountedFromTheFactors() {
        try (Backend backend = create();
                ModelWeights weights = new Factored((DenseWeights) fixture.open())) {
            Projection q = weights.config().projection(0, ProjectionType.Q);
            try (Linear linear = weights.projection(q, backend)) {
                assertEquals((long) K * q.d1() + (long) S * q.d2(), linear.multiplyAdds());
                assertEquals(q.d1(), linear.d1());
                assertEquals(q.d2(), linear.d2());
            }
            Projection down = weights.config().projection(0, ProjectionType.DOWN);
            try (Linear linear = weights.projection(down, backend)) {
                assertEquals((long) RANK * (down.d1() + down.d2()), linear.multiplyAdds());
                assertEquals(4L * RANK * (down.d1() + down.d2()), linear.bytes());
            }
        }
    }

    @Test
    void factorsThatDoNotFitAreRefused() {
        try (Backend backend = create();
                Matrix a = backend.allocate(3, 4, DType.F32);
                Matrix b = backend.allocate(5, 2, DType.F32)) {
            assertThrows(IllegalArgumentException.class, () -> new LowRankLinear(a, b, null));
            assertThrows(IllegalArgumentException.class, () -> new DenseLinear(a, b));
        }
    }
}
