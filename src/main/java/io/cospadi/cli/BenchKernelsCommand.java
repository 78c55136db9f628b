package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.SelfTest;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code bench kernels}: the backend's verbs, verified and then timed, beside a matrix product and memory. */
@Command(
        name = "kernels",
        description =
                "Verifies the backend's verbs, then times them: matrix products against sgemm, the rest against memory.")
final class BenchKernelsCommand implements Callable<Integer> {
    /** SmolLM2-135M's up projection at ratio 0.2: d1, d2, k, s. */
    private static final int D1 = 576;

    private static final int D2 = 1536;
    private static final int K = 526;
    private static final int S = 263;

    @Option(names = "--repetitions", paramLabel = "N", description = "Of which the median counts (default: 9).")
    private int repetitions = 9;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;

    BenchKernelsCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    /** One timed verb: its work in operations or bytes, and the machine's own rate for that. */
    private record Timing(String verb, String shape, String unit, double seconds, double rate, double peak) {}

    @Override
    public Integer call() {
        SharedOptions.atLeast("--repetitions", repetitions, 1);
        List<Timing> timings;
        try (Backend backend = shared.open(terminal)) {
            for (SelfTest.Check check : SelfTest.run(backend)) {
                if (!check.passed()) {
                    throw new CospadiException("the backend computes wrongly: " + check + "; nothing is timed");
                }
            }
            timings = time(backend);
        }
        if (shared.json) {
            ObjectNode json = JsonNodeFactory.instance.objectNode();
            json.put("threads", shared.threads());
            ArrayNode kernels = json.putArray("kernels");
            for (Timing t : timings) {
                kernels.addObject()
                        .put("verb", t.verb())
                        .put("shape", t.shape())
                        .put("unit", t.unit() + "/s")
                        .put("seconds", t.seconds())
                        .put("rate", t.rate())
                        .put("peak", t.peak())
                        .put("share", t.rate() / t.peak());
            }
            terminal.json(json);
            return ExitStatus.DONE;
        }
        TextTable table = new TextTable("verb", "shape", "ms", "rate", "of peak");
        for (Timing t : timings) {
            table.row(
                    t.verb(),
                    t.shape(),
                    String.format(Locale.ROOT, "%.3f", 1e3 * t.seconds()),
                    String.format(Locale.ROOT, "%.1f G%s/s", t.rate() / 1e9, t.unit()),
                    String.format(Locale.ROOT, "%.0f %%", 100 * t.rate() / t.peak()));
        }
        terminal.out().print(table);
        return ExitStatus.DONE;
    }

    private List<Timing> time(Backend backend) {
        List<Timing> timings = new ArrayList<>();
        double product = SelfTest.productRate(backend);
        double memory = backend.memoryRate();
        try (Matrix weight = random(backend, D2, D1, DType.F32);
                Matrix dictionary = random(backend, K, D1, DType.F32);
                Matrix codes = random(backend, D2, K, DType.F32);
                Matrix residual = random(backend, D2, K, DType.F32);
                Matrix gradient = random(backend, D2, K, DType.F32);
                Matrix out = backend.allocate(D2, K, DType.F32);
                Matrix atoms = backend.allocate(K, K, DType.F32);
                Matrix token = random(backend, 1, D1, DType.F32);
                Matrix features = backend.allocate(1, D2, DType.F32);
                Matrix gram = backend.allocate(D1, D1, DType.F64);
                Matrix positive = positive(backend)) {
            timings.add(operations(
                    backend,
                    "product, f32",
                    "1536 x 576 x 526",
                    2.0 * D2 * D1 * K,
                    product,
                    () -> backend.gemm(1, weight, false, dictionary, true, 0, out)));
            timings.add(operations(
                    backend,
                    "symmetric product",
                    "526 x 576",
                    (double) K * (K + 1) * D1,
                    product,
                    () -> backend.symmetricProduct(dictionary, false, atoms)));
            timings.add(operations(
                    backend,
                    "Gram, f64",
                    "1536 x 576",
                    1.0 * D2 * D1 * D1,
                    product,
                    () -> backend.addGram(weight, gram)));
            timings.add(operations(backend, "Cholesky, f64", "576", (double) D1 * D1 * D1 / 3, product, () -> {
                backend.copy(positive, gram);
                backend.cholesky(gram);
            }));
            timings.add(bytes(
                    backend,
                    "matrix times vector",
                    "1536 x 576",
                    4.0 * D2 * D1,
                    memory,
                    () -> backend.gemm(1, token, false, weight, true, 0, features)));
            timings.add(bytes(backend, "keep largest", "1536 x 526, s 263", 8.0 * D2 * K, memory, () -> {
                backend.copy(residual, out);
                backend.keepLargest(out, S);
            }));
            timings.add(bytes(backend, "threshold step", "1536 x 526, s 263", 20.0 * D2 * K, memory, () -> {
                backend.copy(codes, out);
                backend.hardThresholdStep(out, residual, gradient, residual, S);
            }));
        }
        return timings;
    }

    private Timing operations(Backend backend, String verb, String shape, double flops, double peak, Runnable run) {
        double seconds = median(backend, run);
        return new Timing(verb, shape, "FLOP", seconds, flops / seconds, peak);
    }

    private Timing bytes(Backend backend, String verb, String shape, double bytes, double peak, Runnable run) {
        double seconds = median(backend, run);
        return new Timing(verb, shape, "B", seconds, bytes / seconds, peak);
    }

    private double median(Backend backend, Runnable run) {
        for (int i = 0; i < 3; i++) {
            run.run();
        }
        double[] seconds = new double[repetitions];
        for (int i = 0; i < repetitions; i++) {
            backend.synchronize();
            long began = System.nanoTime();
            run.run();
            backend.synchronize();
            seconds[i] = (System.nanoTime() - began) * 1e-9;
        }
        Arrays.sort(seconds);
        return seconds[repetitions / 2];
    }

    private static Matrix random(Backend backend, int rows, int cols, DType type) {
        SplittableRandom random = new SplittableRandom(42);
        float[] values = new float[rows * cols];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextDouble() - 0.5);
        }
        Matrix matrix = backend.allocate(rows, cols, type);
        backend.write(matrix, values);
        return matrix;
    }

    /** 576 times the identity: positive definite whatever rounding does. */
    private static Matrix positive(Backend backend) {
        Matrix matrix = backend.allocate(D1, D1, DType.F64);
        backend.addToDiagonal(matrix, D1);
        return matrix;
    }
}
