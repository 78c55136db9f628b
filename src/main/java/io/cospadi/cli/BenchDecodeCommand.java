package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.Footprint;
import io.cospadi.backend.ProductRate;
import io.cospadi.benchmark.BenchCase;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.compression.RecipeException;
import io.cospadi.decoder.DecoderBenchmark;
import io.cospadi.decoder.DecoderBenchmark.Result;
import io.cospadi.decoder.DecodingWork;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.decoder.SyntheticWeights.Size;
import io.cospadi.format.CompactModel;
import io.cospadi.format.CompactModule;
import io.cospadi.format.ModelFolder;
import io.cospadi.tensor.MaskGroups;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bench decode}: prefill against sgemm, single-token steps against memory; of a model, or dense beside factored. */
@Command(
        name = "decode",
        description =
                "Prefill as a share of a matrix product's rate, single-token steps as a share of memory's. Of a folder, "
                        + "or with --shape of random weights, dense and factored side by side.")
final class BenchDecodeCommand implements Callable<Integer> {
    private static final int DEFAULT_WINDOW = 512;

    private static final int PROMPT = 16;

    @Parameters(paramLabel = "MODEL", arity = "0..1", description = "Dense or compact folder.")
    private Path model;

    @Option(
            names = "--shape",
            paramLabel = "NAME",
            description = "Instead of a folder: llama-3-8b, llama-3.2-1b, smollm2-135m or tiny with random weights.",
            converter = Choices.ShapeName.class)
    private String shape;

    @Option(
            names = "--ratios",
            paramLabel = "R",
            split = ",",
            description = "With --shape: ratios to factor at (default: 0.2,0.3,0.4).")
    private double[] ratios = {0.2, 0.3, 0.4};

    @Option(
            names = "--groups",
            paramLabel = "none|8:16|2:4",
            description = "With --shape: what masks the factors have (default: none).",
            converter = Choices.GroupsName.class)
    private MaskGroups groups = MaskGroups.NONE;

    @Option(
            names = "--window",
            paramLabel = "N",
            description = "Tokens of the prefill (default: 512, or as many as --steps leave of the model's positions).")
    private Integer window;

    @Option(names = "--steps", paramLabel = "N", description = "Single-token steps (default: 32).")
    private int steps = 32;

    @Option(names = "--repetitions", paramLabel = "N", description = "Of which the median counts (default: 5).")
    private int repetitions = 5;

    @Mixin
    private DryRun dryRun;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;

    BenchDecodeCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    /** One model's figures. */
    private record Measured(String name, Result prefill, Result decode) {}

    @Override
    public Integer call() {
        if (window != null) {
            SharedOptions.atLeast("--window", window, 2);
        }
        SharedOptions.atLeast("--steps", steps, 1);
        SharedOptions.atLeast("--repetitions", repetitions, 1);
        if ((model == null) == (shape == null)) {
            throw RecipeException.usage("name a model's folder or a --shape");
        }
        if (dryRun.asked) {
            Footprint footprint = DryRun.footprint(shared);
            DryRun.tell(shape == null ? model.toString() : shape, cases(footprint), footprint, shared, terminal);
            return ExitStatus.DONE;
        }
        List<Measured> measured = new ArrayList<>();
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        try (Backend backend = shared.open(terminal)) {
            if (model != null) {
                measured.add(measure(model.toString(), () -> ModelFolder.open(model), backend));
            } else {
                ModelConfig config = BenchShape.config(shape);
                measured.add(measure("dense", () -> BenchShape.dense(config), backend));
                for (double ratio : ratios) {
                    measured.add(
                            measure(name(ratio), () -> BenchShape.factored(config, ratio, groups.atoms()), backend));
                }
            }
            BenchEnvironment.put(json, backend, shared);
        }
        if (shared.json) {
            put(measured, json);
            terminal.json(json);
        } else {
            terminal.out().print(text(measured));
        }
        return ExitStatus.DONE;
    }

    private String name(double ratio) {
        return "ratio " + ratio + (groups == MaskGroups.NONE ? "" : ", " + groups.option());
    }

    /** Of the prefill. */
    private int tokens(ModelConfig config) {
        int most = config.maxPositions() - steps;
        if (most < 2) {
            throw RecipeException.usage("--steps " + steps + " leaves no room for a prompt in the model's "
                    + config.maxPositions() + " positions; choose at most " + (config.maxPositions() - 2));
        }
        if (window != null && window > most) {
            throw RecipeException.usage("--window " + window + " and --steps " + steps + " are more than the model's "
                    + config.maxPositions() + " positions; choose a window of at most " + most);
        }
        return window == null ? Math.min(DEFAULT_WINDOW, most) : window;
    }

    private List<BenchCase> cases(Footprint footprint) {
        List<BenchCase> cases = new ArrayList<>();
        if (model != null) {
            try (ModelWeights weights = ModelFolder.open(model)) {
                add(
                        model.toString(),
                        DecodingWork.of(weights.config(), p -> held(weights, p, footprint), footprint),
                        cases);
            }
            return cases;
        }
        ModelConfig config = BenchShape.config(shape);
        add("dense", DecodingWork.of(config, p -> DecodingWork.Held.dense(p, footprint), footprint), cases);
        for (double ratio : ratios) {
            Map<ProjectionType, Size> sizes = BenchShape.sizes(config, ratio, groups.atoms());
            add(name(ratio), DecodingWork.of(config, p -> held(p, sizes.get(p.type()), footprint), footprint), cases);
        }
        return cases;
    }

    private void add(String name, DecodingWork work, List<BenchCase> cases) {
        int tokens = tokens(work.config());
        long bytes = work.bytesOfToken();
        cases.add(new BenchCase(
                "prefill", name, tokens + " tokens", bytes, work.flopsOfWindow(tokens), work.memory(tokens)));
        cases.add(new BenchCase(
                "decode",
                name,
                steps + " steps",
                (double) steps * bytes,
                0,
                work.memory(Math.min(PROMPT, tokens) + steps)));
    }

    private static DecodingWork.Held held(Projection p, Size size, Footprint footprint) {
        return size == null ? DecodingWork.Held.dense(p, footprint) : DecodingWork.Held.factored(p, size, footprint);
    }

    /** As a folder's headers tell. */
    private static DecodingWork.Held held(ModelWeights weights, Projection p, Footprint footprint) {
        CompactModule module =
                weights instanceof CompactModel compact ? compact.module(p).orElse(null) : null;
        if (module instanceof CompactModule.LowRank low) {
            return DecodingWork.Held.lowRank(p, low.r(), footprint);
        }
        return held(
                p,
                module instanceof CompactModule.Sparse sparse ? new Size(sparse.k(), sparse.s(), 0) : null,
                footprint);
    }

    private Measured measure(String name, Supplier<ModelWeights> open, Backend backend) {
        try (ModelWeights weights = open.get()) {
            int[] ids = new SplittableRandom(42)
                    .ints(tokens(weights.config()), 0, weights.config().vocabSize())
                    .toArray();
            DecoderBenchmark benchmark = new DecoderBenchmark(weights, backend);
            Result prefill = benchmark.prefill(ids, repetitions, () -> ProductRate.of(backend));
            Result decode = benchmark.decode(
                    Arrays.copyOf(ids, Math.min(PROMPT, ids.length)), steps, repetitions, backend::memoryRate);
            return new Measured(name, prefill, decode);
        }
    }

    private void put(List<Measured> measured, ObjectNode json) {
        if (shape != null) {
            json.put("shape", shape);
        }
        ArrayNode models = json.putArray("models");
        for (Measured m : measured) {
            ObjectNode entry = models.addObject().put("model", m.name());
            entry.putObject("prefill")
                    .put("tokens", m.prefill().tokens())
                    .put("flops", m.prefill().work())
                    .put("seconds", m.prefill().seconds())
                    .put("seconds_p90", m.prefill().slow())
                    .put("flops_per_second", m.prefill().rate())
                    .put("sgemm_flops_per_second", m.prefill().peak())
                    .put("share", m.prefill().share());
            entry.putObject("decode")
                    .put("tokens", m.decode().tokens())
                    .put("bytes", m.decode().work())
                    .put("seconds", m.decode().seconds())
                    .put("seconds_p90", m.decode().slow())
                    .put("tokens_per_second", m.decode().tokensPerSecond())
                    .put("tokens_per_second_of_first", perFirst(m, measured))
                    .put("bytes_per_second", m.decode().rate())
                    .put("memory_bytes_per_second", m.decode().peak())
                    .put("share", m.decode().share());
        }
    }

    private static double perFirst(Measured m, List<Measured> all) {
        return m.decode().tokensPerSecond() / all.get(0).decode().tokensPerSecond();
    }

    private static String text(List<Measured> measured) {
        StringBuilder text = new StringBuilder();
        for (Measured m : measured) {
            text.append(m.name()).append('\n');
            text.append(String.format(
                    Locale.ROOT,
                    "  prefill  %d tokens, %.1f GFLOP in %.3f s (p90 %.3f): %.1f GFLOP/s, %.0f %% of sgemm's %.1f; %.0f tokens/s%n",
                    m.prefill().tokens(),
                    m.prefill().work() / 1e9,
                    m.prefill().seconds(),
                    m.prefill().slow(),
                    m.prefill().rate() / 1e9,
                    100 * m.prefill().share(),
                    m.prefill().peak() / 1e9,
                    m.prefill().tokensPerSecond()));
            text.append(String.format(
                    Locale.ROOT,
                    "  decode   %d steps, %.2f GB of weights, %.3f ms a token (p90 %.3f): %.1f GB/s, %.0f %% of memory's %.1f; "
                            + "%.1f tokens/s%s%n",
                    m.decode().tokens(),
                    m.decode().work() / 1e9 / m.decode().tokens(),
                    1e3 * m.decode().seconds() / m.decode().tokens(),
                    1e3 * m.decode().slow() / m.decode().tokens(),
                    m.decode().rate() / 1e9,
                    100 * m.decode().share(),
                    m.decode().peak() / 1e9,
                    m.decode().tokensPerSecond(),
                    m == measured.get(0) ? "" : String.format(Locale.ROOT, ", %.2f x", perFirst(m, measured))));
        }
        return text.toString();
    }
}
