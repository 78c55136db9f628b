package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.ProductRate;
import io.cospadi.benchmark.BenchCase;
import io.cospadi.calibration.GradientSettings;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.compression.PeakMemory;
import io.cospadi.decoder.GradientBenchmark;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.format.ModelFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bench gradients MODEL}: the backward pass against the forward pass of the same windows. */
@Command(
        name = "gradients",
        description =
                "The backward pass of calibrate, recomputation included, beside the forward pass of the same windows,"
                        + " and each as a share of a matrix product's rate.")
final class BenchGradientsCommand implements Callable<Integer> {
    @Parameters(paramLabel = "MODEL", description = "Hugging Face folder of a dense model.")
    private Path model;

    @Option(names = "--windows", paramLabel = "N", description = "Windows (default: 4).")
    private int windows = 4;

    @Option(names = "--window", paramLabel = "N", description = "Tokens in each (default: 512).")
    private int window = 512;

    @Option(names = "--repetitions", paramLabel = "N", description = "Of which the median counts (default: 3).")
    private int repetitions = 3;

    @Mixin
    private DryRun dryRun;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;

    BenchGradientsCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() throws IOException {
        SharedOptions.atLeast("--windows", windows, 1);
        SharedOptions.atLeast("--window", window, 2);
        SharedOptions.atLeast("--repetitions", repetitions, 1);
        if (dryRun.asked) {
            tellCases();
            return ExitStatus.DONE;
        }
        GradientBenchmark.Result result;
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        Path spill = Files.createTempDirectory("cospadi-bench");
        try (ModelWeights weights = ModelFolder.open(model);
                Backend backend = shared.open(terminal)) {
            int length = length(weights.config());
            SplittableRandom random = new SplittableRandom(42);
            List<int[]> ids = Stream.generate(() ->
                            random.ints(length, 0, weights.config().vocabSize()).toArray())
                    .limit(windows)
                    .toList();
            result =
                    new GradientBenchmark(weights, backend, ids, spill).run(repetitions, () -> ProductRate.of(backend));
            BenchEnvironment.put(json, backend, shared);
        } finally {
            Files.delete(spill);
        }
        if (shared.json) {
            json.put("model", model.toString());
            json.put("windows", windows).put("window", window).put("times", result.times());
            put(json.putObject("forward"), result.forward());
            put(json.putObject("backward"), result.backward());
            terminal.json(json);
        } else {
            terminal.out().print(line("forward ", result.forward()) + "\n" + line("backward", result.backward()));
            terminal.out()
                    .printf(Locale.ROOT, ", recomputation included: %.2f times the forward pass%n", result.times());
        }
        return ExitStatus.DONE;
    }

    private int length(ModelConfig config) {
        return Math.min(window, config.maxPositions());
    }

    private void tellCases() {
        try (ModelWeights weights = ModelFolder.open(model)) {
            ModelConfig config = weights.config();
            int length = length(config);
            String shape = windows + " x " + length + " tokens";
            long memory = PeakMemory.gradients(config, windows, length, GradientSettings.DEFAULT);
            double forward = windows * GradientBenchmark.forwardFlops(config, length);
            double backward = windows * GradientBenchmark.backwardFlops(config, length);
            DryRun.tell(
                    model.toString(),
                    List.of(
                            new BenchCase("forward", "", shape, 0, forward, memory),
                            new BenchCase("backward", "", shape, 0, backward, memory)),
                    DryRun.footprint(shared),
                    shared,
                    terminal);
        }
    }

    private static void put(ObjectNode json, GradientBenchmark.Part part) {
        json.put("flops", part.flops()).put("seconds", part.seconds());
        json.put("sgemm_flops_per_second", part.sgemm()).put("share", part.share());
    }

    private static String line(String name, GradientBenchmark.Part part) {
        return String.format(
                Locale.ROOT,
                "%s %.1f GFLOP in %.2f s: %.1f GFLOP/s, %.0f %% of sgemm's %.1f",
                name,
                part.flops() / 1e9,
                part.seconds(),
                part.flops() / part.seconds() / 1e9,
                100 * part.share(),
                part.sgemm() / 1e9);
    }
}
