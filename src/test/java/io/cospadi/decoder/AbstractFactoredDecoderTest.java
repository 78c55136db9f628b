package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

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
