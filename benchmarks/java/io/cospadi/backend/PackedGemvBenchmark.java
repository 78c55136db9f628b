package io.cospadi.backend;

import io.cospadi.decoder.SyntheticWeights;
import io.cospadi.decoder.SyntheticWeights.Size;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
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
 * Tokens times packed codes beside sgemv or sgemm on the same numbers unpacked to f32: d2 x k with s nonzeros a row of
 * SmolLM2-135M's up projection and of Llama-3.2-1B's q projection, both at ratio 0.2. Copies take turns, together 256 MiB and
 * more, so every byte comes from memory. The counter is bytes of codes or weights read; what a token costs is the time of one
 * call by its tokens, and where the dense product's is lower it pays to unpack once.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class PackedGemvBenchmark {
    private static final long ROTATION_BYTES = 256L << 20;

    @Param({"1536x526x263", "2048x1088x544"})
    public String shape;

    @Param({"1", "4", "16", "64"})
    public int tokens;

    @Param("2")
    public int threads;

    private final List<SparseMatrix> codes = new ArrayList<>();
    private final List<Matrix> weights = new ArrayList<>();
    private CpuBackend backend;
    private Matrix z;
    private Matrix out;
    private int turn;

    /** Bytes in all; JMH divides by the time. */
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    @State(Scope.Thread)
    public static class Work {
        public double bytes;
    }

    @Setup(Level.Trial)
    public void prepare() {
        String[] sizes = shape.split("x");
        int d2 = Integer.parseInt(sizes[0]);
        int k = Integer.parseInt(sizes[1]);
        int s = Integer.parseInt(sizes[2]);
        backend = new CpuBackend(threads);
        BenchmarkMatrices made = new BenchmarkMatrices(backend);
        Codes host = SyntheticWeights.codes(d2, new Size(k, s, 0));
        float[] unpacked = new float[d2 * k];
        for (int p = 0; p < d2 * s; p++) {
            unpacked[p / s * k + host.atoms()[p]] = host.values()[p];
        }
        for (long done = 0; done < ROTATION_BYTES; done += codes.get(0).bytes()) {
            codes.add(backend.upload(host));
        }
        for (long done = 0; done < ROTATION_BYTES; done += (long) Float.BYTES * d2 * k) {
            weights.add(backend.allocate(d2, k, DType.F32));
            backend.write(weights.get(weights.size() - 1), unpacked);
        }
        z = made.normal(tokens, k);
        out = backend.allocate(tokens, d2, DType.F32);
        try (Matrix expected = backend.allocate(tokens, d2, DType.F32)) {
            backend.gemm(1, z, false, weights.get(0), true, 0, expected);
            backend.multiplyCodes(z, codes.get(0), out);
            made.verify(expected, out, "multiplyCodes");
        }
    }

    @TearDown(Level.Trial)
    public void close() {
        codes.forEach(SparseMatrix::close);
        weights.forEach(Matrix::close);
        z.close();
        out.close();
        backend.close();
    }

    @Benchmark
    public Matrix packed(Work work) {
        SparseMatrix next = codes.get(turn++ % codes.size());
        backend.multiplyCodes(z, next, out);
        work.bytes += next.bytes();
        return out;
    }

    /** The baseline. */
    @Benchmark
    public Matrix dense(Work work) {
        Matrix next = weights.get(turn++ % weights.size());
        backend.gemm(1, z, false, next, true, 0, out);
        work.bytes += 4.0 * next.rows() * next.cols();
        return out;
    }
}
