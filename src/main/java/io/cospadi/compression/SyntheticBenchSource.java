package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.tensor.DType;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Random weights and inputs of a model's shapes whose spectra fall off as real ones do: the j-th direction is j^-0.3 strong in a
 * weight and j^-0.5 in inputs, directions being random. Each input site's Gram sums as many tokens as are asked for, in
 * repetitions of one chunk, which costs what different tokens would.
 */
public final class SyntheticBenchSource implements BenchSource {
    private static final double WEIGHT_DECAY = 0.3;
    private static final double INPUT_DECAY = 0.5;
    private static final int CHUNK_TOKENS = 16384;

    private final ModelConfig config;
    private final int tokens;

    /** @param tokens summed into each Gram */
    public SyntheticBenchSource(ModelConfig config, int tokens) {
        this.config = config;
        this.tokens = tokens;
    }

    @Override
    public ModelConfig config() {
        return config;
    }

    @Override
    public Matrix weight(Projection projection, Backend backend) {
        long seed = projection.layer() * 7L + projection.type().ordinal();
        return decaying(projection.d2(), projection.d1(), WEIGHT_DECAY, seed, backend);
    }

    /** Of a layer's projections those with inputs of their own sum up a Gram; the others' was timed before. */
    @Override
    public TimedGram gram(Projection projection, Backend backend) {
        ProjectionType type = projection.type();
        TimedGram gram = gramOf(projection.d1(), tokens, backend);
        boolean shares = type == ProjectionType.K || type == ProjectionType.V || type == ProjectionType.UP;
        return shares ? new TimedGram(gram.gram(), 0) : gram;
    }

    @Override
    public double gramFlops(Projection projection) {
        return gramFlops(projection.d1(), tokens);
    }

    @Override
    public long gramMemory(Projection projection) {
        return 4L * projection.d1() * projection.d2() + gramMemory(projection.d1(), tokens);
    }

    /** Of {@link #gramOf}: one triangle. */
    static double gramFlops(int d1, int tokens) {
        return (d1 + 1.0) * d1 * tokens;
    }

    /** Of {@link #gramOf}: the sum, a chunk of inputs, and the two factors that it is made of. */
    static long gramMemory(int d1, int tokens) {
        return 8L * d1 * d1 + 4L * d1 * (2L * Math.min(tokens, CHUNK_TOKENS) + d1);
    }

    /** The Gram of random inputs. */
    static TimedGram gramOf(int d1, int tokens, Backend backend) {
        int chunk = Math.min(tokens, CHUNK_TOKENS);
        Matrix gram = backend.allocate(d1, d1, DType.F64);
        try (Matrix inputs = decaying(chunk, d1, INPUT_DECAY, d1, backend)) {
            backend.synchronize();
            long began = System.nanoTime();
            for (int done = 0; done < tokens; done += chunk) {
                backend.addGram(inputs.rows(0, Math.min(chunk, tokens - done)), gram);
            }
            backend.synchronize();
            return new TimedGram(gram, (System.nanoTime() - began) * 1e-9);
        }
    }

    /** {@code R diag(1, 2^-decay, 3^-decay, ...) Q}, R and Q uniform random. */
    private static Matrix decaying(int rows, int cols, double decay, long seed, Backend backend) {
        float[] strengths = new float[cols];
        for (int j = 0; j < cols; j++) {
            strengths[j] = (float) Math.pow(j + 1, -decay);
        }
        Matrix out = backend.allocate(rows, cols, DType.F32);
        try (Matrix left = random(rows, cols, seed, backend);
                Matrix right = random(cols, cols, seed + 1, backend);
                Matrix factors = backend.allocate(1, cols, DType.F32)) {
            backend.write(factors, strengths);
            backend.scaleColumns(left, factors);
            backend.gemm(Math.sqrt(3.0 / cols), left, false, right, false, 0, out);
            return out;
        }
    }

    private static Matrix random(int rows, int cols, long seed, Backend backend) {
        float[] values = new float[Math.multiplyExact(rows, cols)];
        IntStream.range(0, rows).parallel().forEach(i -> {
            SplittableRandom random = new SplittableRandom(seed << 32 | i);
            for (int j = i * cols; j < (i + 1) * cols; j++) {
                values[j] = (float) (random.nextDouble() - 0.5);
            }
        });
        Matrix matrix = backend.allocate(rows, cols, DType.F32);
        backend.write(matrix, values);
        return matrix;
    }

    @Override
    public void close() {}
}
