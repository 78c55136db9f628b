package io.cospadi.factorization;

import io.cospadi.backend.BenchmarkMatrices;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.MaskGroups;
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
 * One round of the block solver, and the dictionary update of one K-SVD round (its pursuit is the sparse coding benchmark's), for
 * SmolLM2's up projection at ratio 0.2, beside the two largest products of a block round. Random weight, Gram of random inputs.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 1, time = 2)
@Measurement(iterations = 3, time = 3)
public class SolverRoundBenchmark {
    private static final int D1 = 576;
    private static final int D2 = 1536;
    private static final int K = 526;
    private static final int S = 263;
    private static final Sparsity SPARSITY = Sparsity.of(K, S, MaskGroups.NONE);
    private static final int POWER_ITERATIONS = 8;

    @Param("2")
    public int threads;

    private CpuBackend backend;
    private Effort effort;
    private Scratch scratch;
    private Whitening whitening;
    private BlockState state;
    private Matrix start;
    private Matrix dictionary;
    private Matrix codes;
    private Matrix atoms;
    private Matrix product;
    private KsvdUpdate update;
    private DeadAtoms deadAtoms;

    @Setup(Level.Trial)
    public void prepare() {
        backend = new CpuBackend(threads);
        effort = new Effort(backend);
        scratch = new Scratch(backend);
        BenchmarkMatrices made = new BenchmarkMatrices(backend);
        Matrix weight = scratch.keep(made.normal(D2, D1));
        Matrix gram = scratch.f64(D1, D1);
        try (Matrix inputs = made.normal(2 * D1, D1)) {
            backend.addGram(inputs, gram);
        }
        whitening = Whitening.of(backend, effort, scratch, new Problem("up", weight, gram));
        state = new BlockState(backend, effort, scratch, whitening.target(), K);
        BlockStart.fill(backend, effort, whitening, state, SPARSITY);
        state.correlate();
        double before = backend.read(state.error()).value();
        start = scratch.f32(D2, K);
        codes = scratch.f32(D2, K);
        dictionary = scratch.f32(K, whitening.target().cols());
        backend.copy(state.codes(), start);
        backend.copy(state.dictionary(), dictionary);
        require(blockRound(), before, "a block round");

        deadAtoms = new DeadAtoms(backend, scratch, whitening.target());
        update = new KsvdUpdate(backend, effort, RankOneFit.power(backend, effort, S, POWER_ITERATIONS));
        ksvdUpdate();
        require(error(), before, "a dictionary update");
        atoms = scratch.f32(K, K);
        product = scratch.f32(D2, K);
    }

    /** A round that is timed must be one that works. */
    private static void require(double error, double before, String what) {
        if (!(error <= before * (1 + 1e-5))) {
            throw new IllegalStateException(what + " takes the error from " + before + " to " + error);
        }
    }

    private double error() {
        Matrix target = whitening.target();
        try (Matrix residual = backend.allocate(target.rows(), target.cols(), DType.F32)) {
            backend.copy(target, residual);
            backend.gemm(-1, codes, false, dictionary, false, 1, residual);
            return backend.dot(residual, residual) / backend.dot(target, target);
        }
    }

    @TearDown(Level.Trial)
    public void close() {
        scratch.close();
        backend.close();
    }

    /** The baseline: the two products with M that every block round has. */
    @Benchmark
    public Matrix products() {
        backend.gemm(1, start, false, atoms, false, 0, product);
        backend.gemm(1, start, false, atoms, false, 0, product);
        return product;
    }

    @Benchmark
    public double blockRound() {
        state.code(SPARSITY, S);
        state.updateDictionary(0);
        state.correlate();
        return backend.read(state.error()).value();
    }

    /** All atoms, each with 8 power iterations; the support stays the same. */
    @Benchmark
    public Matrix ksvdUpdate() {
        backend.copy(start, codes);
        update.update(whitening.target(), dictionary, codes, deadAtoms);
        return dictionary;
    }
}
