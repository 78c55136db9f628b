package io.cospadi.backend;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The decoder's verbs at SmolLM2-135M's sizes for 1, 16 or 1,024 tokens: packed codes beside the dense product of the same
 * shape (k = 526 atoms to 1,536 features, s = 263), and attention of 9 query heads on 3 key heads of 64.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class DecoderVerbsBenchmark {
    private static final int FEATURES = 1536;
    private static final int K = 526;
    private static final int S = 263;
    private static final int POSITIONS = 1024;

    @Param({"1", "16", "1024"})
    public int tokens;

    @Param("2")
    public int threads;

    private CpuBackend backend;
    private SparseMatrix codes;
    private Matrix dense;
    private Matrix z;
    private Matrix out;
    private Matrix queries;
    private Matrix keys;
    private Matrix values;
    private Matrix attended;

    @Setup(Level.Trial)
    public void prepare() {
        backend = new CpuBackend(threads);
        BenchmarkMatrices made = new BenchmarkMatrices(backend);
        Codes host = codes();
        codes = backend.upload(host);
        float[] unpacked = new float[FEATURES * K];
        for (int p = 0; p < FEATURES * S; p++) {
            unpacked[p / S * K + host.atoms()[p]] = host.values()[p];
        }
        dense = backend.allocate(FEATURES, K, DType.F32);
        backend.write(dense, unpacked);
        z = made.normal(tokens, K);
        out = backend.allocate(tokens, FEATURES, DType.F32);
        queries = made.normal(tokens, 576);
        keys = made.normal(POSITIONS, 192);
        values = made.normal(POSITIONS, 192);
        attended = backend.allocate(tokens, 576, DType.F32);
        try (Matrix expected = backend.allocate(tokens, FEATURES, DType.F32)) {
            backend.gemm(1, z, false, dense, true, 0, expected);
            backend.multiplyCodes(z, codes, out);
            made.verify(expected, out, "multiplyCodes");
        }
    }

    private static Codes codes() {
        Random random = new Random(7);
        int[] atoms = new int[FEATURES * S];
        float[] values = new float[FEATURES * S];
        for (int i = 0; i < FEATURES; i++) {
            int[] row = random.ints(0, K).distinct().limit(S).sorted().toArray();
            System.arraycopy(row, 0, atoms, i * S, S);
        }
        for (int p = 0; p < values.length; p++) {
            values[p] = Bfloat16.round((float) random.nextGaussian());
        }
        return new Codes(FEATURES, K, S, atoms, values);
    }

    @TearDown(Level.Trial)
    public void close() {
        codes.close();
        for (Matrix each : new Matrix[] {dense, z, out, queries, keys, values, attended}) {
            each.close();
        }
        backend.close();
    }

    @Benchmark
    public Matrix multiplyCodes() {
        backend.multiplyCodes(z, codes, out);
        return out;
    }

    /** The baseline of {@link #multiplyCodes}: the same numbers, unpacked to f32. */
    @Benchmark
    public Matrix denseProduct() {
        backend.gemm(1, z, false, dense, true, 0, out);
        return out;
    }

    /** The last of 1,024 positions are the queries. */
    @Benchmark
    public Matrix attention() {
        backend.attention(queries, keys, values, 9, 64, POSITIONS - tokens, Integer.MAX_VALUE, attended);
        return attended;
    }
}
