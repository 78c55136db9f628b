package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.SparseMatrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * A model of a given shape with random weights, for benchmarks of speed: nothing is read from disk. Large tensors repeat one
 * random pattern; each has memory of its own, but for the codes, which all layers share: between two uses of them a token reads
 * a whole layer, far more than a cache holds. So layers are loaded in order, the first one first. Values are bf16, codes 14-bit.
 */
public final class SyntheticWeights implements ModelWeights {
    private static final int PATTERN_ELEMENTS = 32 << 20;
    private static final double DEVIATION = 0.02;
    private static final long SEED = 42;

    /**
     * How a projection is factored.
     *
     * @param k     atoms
     * @param s     nonzeros a row
     * @param group atoms of a group that holds exactly half of its positions, a divisor of k = 2s; 0 for any support
     */
    public record Size(int k, int s, int group) {
        public Size {
            if (group != 0 && (k % group != 0 || k != 2 * s)) {
                throw new IllegalArgumentException(
                        "groups of " + group + " need k = 2s, a multiple; got k=" + k + ", s=" + s);
            }
        }
    }

    private final ModelConfig config;
    private final Map<String, long[]> shapes;
    private final Function<Projection, Optional<Size>> sizes;
    private final Map<ProjectionType, SparseMatrix> uploaded = new EnumMap<>(ProjectionType.class);
    private final ByteBuffer pattern =
            ByteBuffer.allocateDirect(2 * PATTERN_ELEMENTS).order(ByteOrder.LITTLE_ENDIAN);

    /** @param sizes empty for a projection that stays dense; the same for all layers */
    public SyntheticWeights(ModelConfig config, Function<Projection, Optional<Size>> sizes) {
        this.config = config;
        this.sizes = sizes;
        shapes = config.denseTensors();
        IntStream.range(0, PATTERN_ELEMENTS >> 16).parallel().forEach(block -> {
            SplittableRandom random = new SplittableRandom(SEED + block);
            for (int i = block << 16; i < block + 1 << 16; i++) {
                pattern.putShort(2 * i, Bfloat16.fromFloat(value(random)));
            }
        });
    }

    /** Uniform, of a standard deviation that keeps activations in range. */
    private static float value(SplittableRandom random) {
        return (float) (DEVIATION * Math.sqrt(12) * (random.nextDouble() - 0.5));
    }

    @Override
    public ModelConfig config() {
        return config;
    }

    @Override
    public boolean has(String name) {
        return shapes.containsKey(name);
    }

    /** Vectors are all ones, as norms' weights nearly are. */
    @Override
    public Matrix tensor(String name, Backend backend) {
        long[] shape = shapes.get(name);
        if (shape.length != 1) {
            return fill(backend.allocate((int) shape[0], (int) shape[1], DType.F32), backend);
        }
        Matrix ones = backend.allocate(1, (int) shape[0], DType.F32);
        backend.fill(ones, 1);
        return ones;
    }

    @Override
    public Matrix weight(String name, Backend backend) {
        long[] shape = shapes.get(name);
        return weight((int) shape[0], (int) shape[1], backend);
    }

    private Matrix weight(int rows, int cols, Backend backend) {
        return fill(backend.allocateWeight(rows, cols, DType.BF16), backend);
    }

    private Matrix fill(Matrix matrix, Backend backend) {
        int rowsAtOnce = PATTERN_ELEMENTS / matrix.cols();
        for (int done = 0; done < matrix.rows(); done += rowsAtOnce) {
            int count = Math.min(rowsAtOnce, matrix.rows() - done);
            backend.load(matrix.rows(done, count), pattern.slice(0, 2 * count * matrix.cols()), DType.BF16);
        }
        return matrix;
    }

    @Override
    public void gatherRows(String name, int[] rows, Matrix out, Backend backend) {
        int rowsThere = PATTERN_ELEMENTS / out.cols();
        for (int i = 0; i < rows.length; i++) {
            int at = 2 * out.cols() * (rows[i] % rowsThere);
            backend.load(out.rows(i, 1), pattern.slice(at, 2 * out.cols()), DType.BF16);
        }
    }

    @Override
    public Linear projection(Projection projection, Backend backend) {
        Optional<Size> size = sizes.apply(projection);
        if (size.isEmpty()) {
            return new DenseLinear(weight(projection.weightName(), backend), null);
        }
        if (projection.layer() == 0) {
            uploaded.put(projection.type(), backend.upload(codes(projection.d2(), size.get())));
        }
        Matrix dictionary = weight(size.get().k(), projection.d1(), backend);
        return new SparseLinear(dictionary, uploaded.get(projection.type()), null);
    }

    /** Random supports, drawn by running through the atoms, so that they ascend; every group of a row holds its half. */
    public static Codes codes(int rows, Size size) {
        int s = size.s();
        int[] atoms = new int[Math.multiplyExact(rows, s)];
        float[] values = new float[atoms.length];
        int group = size.group() == 0 ? size.k() : size.group();
        int perGroup = size.group() == 0 ? s : group / 2;
        IntStream.range(0, rows).parallel().forEach(i -> {
            SplittableRandom random = new SplittableRandom(SEED + i);
            int at = i * s;
            for (int from = 0; from < size.k(); from += group) {
                int left = perGroup;
                for (int j = from; left > 0; j++) {
                    if (random.nextInt(from + group - j) < left) {
                        atoms[at] = j;
                        values[at++] = Float.intBitsToFloat(Float.floatToRawIntBits(value(random)) & -1 << 18);
                        left--;
                    }
                }
            }
        });
        return new Codes(rows, size.k(), s, atoms, values);
    }

    @Override
    public void close() {}
}
