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

/**
 * Sparse coding of SmolLM2's up projection at ratio 0.2 (d1 = 576, d2 = 1536, k = 526, s = 263): the thresholded step beside
 * the product that precedes it in every round, and one pursuit of all rows. One operation is one call of the verb.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class SparseCodingBenchmark {
    private static final int D1 = 576;
    private static final int D2 = 1536;
    private static final int K = 526;
    private static final int S = 263;

    @Param("2")
    public int threads;

    private CpuBackend backend;
    private Matrix gram;
    private Matrix correlations;
    private Matrix codes;
    private Matrix gradient;
    private Matrix curvature;

    @Setup(Level.Trial)
    public void prepare() {
        backend = new CpuBackend(threads);
        BenchmarkMatrices made = new BenchmarkMatrices(backend);
        gram = backend.allocate(K, K, DType.F32);
        correlations = backend.allocate(D2, K, DType.F32);
        codes = backend.allocate(D2, K, DType.F32);
        gradient = backend.allocate(D2, K, DType.F32);
        curvature = backend.allocate(D2, K, DType.F32);
        try (Matrix atoms = made.atoms(K, D1);
                Matrix weight = made.normal(D2, D1)) {
            backend.symmetricProduct(atoms, false, gram);
            backend.gemm(1, weight, false, atoms, true, 0, correlations);
        }
        backend.copy(correlations, codes);
        backend.keepLargest(codes, S);
        long kept = 0;
        for (int[] rows : backend.rowsUsing(codes)) {
            kept += rows.length;
        }
        if (kept != (long) D2 * S) {
            throw new IllegalStateException(kept + " codes are kept, not " + (long) D2 * S);
        }
        backend.restrictTo(codes, correlations, gradient);
        backend.gemm(1, gradient, false, gram, false, 0, curvature);
    }

    @TearDown(Level.Trial)
    public void close() {
        for (Matrix each : new Matrix[] {gram, correlations, codes, gradient, curvature}) {
            each.close();
        }
        backend.close();
    }

    /** The baseline: 2 k² d2 flops, twice in every round. */
    @Benchmark
    public Matrix product() {
        backend.gemm(1, gradient, false, gram, false, 0, curvature);
        return curvature;
    }

    @Benchmark
    public Matrix hardThresholdStep() {
        backend.hardThresholdStep(codes, correlations, gradient, curvature, S);
        return codes;
    }

    @Benchmark
    public Matrix copyAndKeepLargest() {
        backend.copy(correlations, codes);
        backend.keepLargest(codes, S);
        return codes;
    }

    @Benchmark
    @Warmup(iterations = 1, time = 1)
    @Measurement(iterations = 2, time = 1)
    public Matrix orthogonalMatchingPursuit() {
        backend.orthogonalMatchingPursuit(gram, correlations, S, codes);
        return codes;
    }
}
