package io.cospadi.backend;

import io.cospadi.tensor.DType;
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

/** Attention at SmolLM2-135M's sizes for 1, 16 or 1,024 tokens: 9 query heads on 3 key heads of 64. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class AttentionBenchmark {
    private static final int POSITIONS = 1024;

    @Param({"1", "16", "1024"})
    public int tokens;

    @Param("2")
    public int threads;

    private CpuBackend backend;
    private Matrix queries;
    private Matrix keys;
    private Matrix values;
    private Matrix attended;

    @Setup(Level.Trial)
    public void prepare() {
        backend = new CpuBackend(threads);
        BenchmarkMatrices made = new BenchmarkMatrices(backend);
        queries = made.normal(tokens, 576);
        keys = made.normal(POSITIONS, 192);
        values = made.normal(POSITIONS, 192);
        attended = backend.allocate(tokens, 576, DType.F32);
    }

    @TearDown(Level.Trial)
    public void close() {
        for (Matrix each : new Matrix[] {queries, keys, values, attended}) {
            each.close();
        }
        backend.close();
    }

    /** The last of 1,024 positions are the queries. */
    @Benchmark
    public Matrix attention() {
        backend.attention(queries, keys, values, 9, 64, POSITIONS - tokens, Integer.MAX_VALUE, attended);
        return attended;
    }
}
