package io.cospadi.backend;

import io.cospadi.tensor.DType;
import java.util.concurrent.TimeUnit;
import org.bytedeco.openblas.global.openblas_full;
import org.openjdk.jmh.annotations.AuxCounters;
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
 * {@code C (m, n) = A (m, l) Bᵀ} in f32: our cut of the product over the workers beside one call of OpenBLAS on as many
 * threads of its own. The counter is in flops (2 m n l a call). Calls take milliseconds, so few short iterations suffice; the
 * two methods alternate in separate forks.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class ProductsBenchmark {
    /** Prefill of an MLP, the solver's two large shapes, and a single token. */
    @Param({"1024x1536x576", "1536x526x526", "526x526x1536", "1x1536x576"})
    public String shape;

    @Param("2")
    public int threads;

    private CpuBackend backend;
    private Matrix a;
    private Matrix b;
    private Matrix c;
    private int m;
    private int n;
    private int inner;

    /** Flops in all; JMH divides by the time. */
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    @State(Scope.Thread)
    public static class Work {
        public double flops;
    }

    @Setup(Level.Trial)
    public void prepare() {
        String[] sizes = shape.split("x");
        m = Integer.parseInt(sizes[0]);
        n = Integer.parseInt(sizes[1]);
        inner = Integer.parseInt(sizes[2]);
        backend = new CpuBackend(threads);
        BenchmarkMatrices made = new BenchmarkMatrices(backend);
        a = made.normal(m, inner);
        b = made.normal(n, inner);
        c = backend.allocate(m, n, DType.F32);
        try (Matrix other = backend.allocate(m, n, DType.F32)) {
            backend.gemm(1, a, false, b, true, 0, c);
            oneCall((NativeMatrix) other);
            made.verify(other, c, shape);
        }
    }

    @TearDown(Level.Trial)
    public void close() {
        a.close();
        b.close();
        c.close();
        backend.close();
    }

    @Benchmark
    public Matrix workers(Work work) {
        backend.gemm(1, a, false, b, true, 0, c);
        work.flops += 2.0 * m * n * inner;
        return c;
    }

    @Benchmark
    public Matrix openBlasThreads(Work work) {
        oneCall((NativeMatrix) c);
        work.flops += 2.0 * m * n * inner;
        return c;
    }

    private void oneCall(NativeMatrix out) {
        openblas_full.openblas_set_num_threads(threads);
        openblas_full.cblas_sgemm(
                OpenBlas.ROW_MAJOR,
                OpenBlas.NO_TRANSPOSE,
                OpenBlas.TRANSPOSE,
                m,
                n,
                inner,
                1,
                ((NativeMatrix) a).floats(0),
                inner,
                ((NativeMatrix) b).floats(0),
                inner,
                0,
                out.floats(0),
                n);
        openblas_full.openblas_set_num_threads(1);
    }
}
