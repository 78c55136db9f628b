package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.SelfTest;
import io.cospadi.decoder.DecoderBenchmark;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.format.ModelFolder;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bench decode MODEL}: prefill against sgemm, single-token steps against memory. */
@Command(
        name = "decode",
        description = "Prefill as a share of a matrix product's rate, single-token steps as a share of memory's.")
final class BenchDecodeCommand implements Callable<Integer> {
    private static final int PRODUCT_ORDER = 1024;

    @Parameters(paramLabel = "MODEL", description = "Dense or compact folder.")
    private Path model;

    @Option(names = "--window", paramLabel = "N", description = "Tokens of the prefill (default: 512).")
    private int window = 512;

    @Option(names = "--steps", paramLabel = "N", description = "Single-token steps (default: 32).")
    private int steps = 32;

    @Option(names = "--repetitions", paramLabel = "N", description = "Of which the median counts (default: 5).")
    private int repetitions = 5;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;

    BenchDecodeCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        SharedOptions.atLeast("--window", window, 2);
        SharedOptions.atLeast("--steps", steps, 1);
        SharedOptions.atLeast("--repetitions", repetitions, 1);
        DecoderBenchmark.Result prefill;
        DecoderBenchmark.Result decode;
        try (ModelWeights weights = ModelFolder.open(model);
                Backend backend = shared.open(terminal)) {
            int[] ids = new SplittableRandom(42)
                    .ints(
                            Math.min(window, weights.config().maxPositions() - steps),
                            0,
                            weights.config().vocabSize())
                    .toArray();
            DecoderBenchmark benchmark = new DecoderBenchmark(weights, backend);
            prefill = benchmark.prefill(ids, repetitions, () -> SelfTest.productRate(backend, PRODUCT_ORDER));
            MemoryRate memory = new MemoryRate(shared.threads());
            decode = benchmark.decode(
                    java.util.Arrays.copyOf(ids, Math.min(16, ids.length)), steps, repetitions, memory::measure);
        }
        if (shared.json) {
            ObjectNode json = JsonNodeFactory.instance.objectNode();
            json.put("model", model.toString()).put("threads", shared.threads());
            json.putObject("prefill")
                    .put("tokens", prefill.tokens())
                    .put("flops", prefill.work())
                    .put("seconds", prefill.seconds())
                    .put("flops_per_second", prefill.rate())
                    .put("sgemm_flops_per_second", prefill.peak())
                    .put("share", prefill.share());
            json.putObject("decode")
                    .put("tokens", decode.tokens())
                    .put("bytes", decode.work())
                    .put("seconds", decode.seconds())
                    .put("bytes_per_second", decode.rate())
                    .put("memory_bytes_per_second", decode.peak())
                    .put("share", decode.share())
                    .put("weights", "f32, codes 16-bit");
            terminal.json(json);
            return ExitStatus.DONE;
        }
        terminal.out()
                .printf(
                        Locale.ROOT,
                        "prefill  %d tokens, %.1f GFLOP in %.3f s: %.1f GFLOP/s, %.0f %% of sgemm's %.1f; %.0f tokens/s%n",
                        prefill.tokens(),
                        prefill.work() / 1e9,
                        prefill.seconds(),
                        prefill.rate() / 1e9,
                        100 * prefill.share(),
                        prefill.peak() / 1e9,
                        prefill.tokensPerSecond());
        terminal.out()
                .printf(
                        Locale.ROOT,
                        "decode   %d steps, %.2f GB of weights (f32, codes 16-bit): %.1f GB/s, %.0f %% of memory's %.1f;"
                                + " %.1f tokens/s%n",
                        decode.tokens(),
                        decode.work() / 1e9,
                        decode.rate() / 1e9,
                        100 * decode.share(),
                        decode.peak() / 1e9,
                        decode.tokensPerSecond());
        return ExitStatus.DONE;
    }
}
