package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.DeviceTimes;
import io.cospadi.benchmark.BenchCase;
import io.cospadi.checkpoint.Projection;
import io.cospadi.compression.BenchSource;
import io.cospadi.compression.FactorizationBench;
import io.cospadi.compression.FactorizationBench.Measured;
import io.cospadi.compression.FolderBenchSource;
import io.cospadi.compression.NamePattern;
import io.cospadi.compression.PaperTimes;
import io.cospadi.compression.RecipeException;
import io.cospadi.compression.SyntheticBenchSource;
import io.cospadi.factorization.Method;
import io.cospadi.factorization.Pursuit;
import io.cospadi.factorization.Solver;
import io.cospadi.factorization.SolverSettings;
import io.cospadi.tensor.MaskGroups;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bench compress MODEL}: the solver's counted operations a second beside a matrix product's. */
@Command(
        name = "compress",
        description =
                "Factorises projections and compares counted operations a second with a matrix product's, measured "
                        + "before and after each. Nothing is written.")
final class BenchCompressCommand implements Callable<Integer> {
    @Parameters(paramLabel = "MODEL", arity = "0..1", description = "Hugging Face folder of a dense model.")
    private Path model;

    @Option(
            names = "--shape",
            paramLabel = "NAME",
            description = "Instead of a folder: llama-3-8b, llama-3.2-1b, smollm2-135m or tiny with random weights.",
            converter = Choices.ShapeName.class)
    private String shape;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            description = "With --shape: tokens summed into each Gram, timed too (default: 262144).")
    private int tokens = 262_144;

    @Option(names = "--stats", paramLabel = "DIR", description = "Gram store of calibrate (default: synthetic Grams).")
    private Path stats;

    @Option(
            names = "--unseen",
            paramLabel = "DIR",
            description = "Gram store of other text: the errors under it are shown too.")
    private Path unseen;

    @Option(
            names = "--layers",
            paramLabel = "A-B",
            description = "Layers to factorise, or all (default: the middle one).")
    private String layers;

    @Option(names = "--ratio", paramLabel = "R", description = "Ratio (default: 0.2).")
    private double ratio = 0.2;

    @Option(
            names = "--include",
            paramLabel = "PATTERN",
            split = ",",
            description = "Projections to factorise, such as q_proj,gate_proj (default: all of those layers).",
            converter = Choices.ProjectionPattern.class)
    private List<NamePattern> include = List.of();

    @Option(
            names = "--solver",
            paramLabel = "block|ksvd|ksvd-exact|ksvd-blocked|mod",
            description = "What alternates (default: block).",
            converter = Choices.SolverName.class)
    private String solver = Solver.BLOCK.option();

    @Option(
            names = "--pursuit",
            paramLabel = "exact|staged",
            description = "How solvers but block find codes (default: exact).",
            converter = Choices.PursuitName.class)
    private String pursuit = Pursuit.EXACT.option();

    @Option(
            names = "--groups",
            paramLabel = "none|8:16|2:4",
            description = "Where block's codes may lie: anywhere (default), or half of every 16 or 4 neighbours.",
            converter = Choices.GroupsName.class)
    private MaskGroups groups = MaskGroups.NONE;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            split = ",",
            description = "Rounds of the solver; several, such as 10,40,160, in turn (default: its own).")
    private List<Integer> rounds;

    @Option(names = "--profile", description = "Show what a GPU's time went into; that costs a little itself.")
    private boolean profile;

    @Mixin
    private DryRun dryRun;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;

    BenchCompressCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        SolverSettings settings = settings();
        List<Integer> turns = rounds == null ? List.of(settings.rounds()) : rounds;
        turns.forEach(each -> SharedOptions.atLeast("--rounds", each, 1));
        SharedOptions.atLeast("--tokens", tokens, 1);
        List<Measured> measured = new ArrayList<>();
        List<DeviceTimes.Entry> device;
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        if ((model == null) == (shape == null)) {
            throw RecipeException.usage("name a model's folder or a --shape");
        }
        if (dryRun.asked) {
            tellCases(settings, turns);
            return ExitStatus.DONE;
        }
        try (BenchSource source = source();
                Backend backend = shared.open(terminal);
                JobDisplay display = new JobDisplay(terminal, System::nanoTime)) {
            Optional<DeviceTimes> times = profile ? backend.watch() : Optional.empty();
            new FactorizationBench(source, layers, include, ratio, settings, turns)
                    .run(backend, times, new TaskProgress(display, "factorising"), measured::add);
            device = times.map(DeviceTimes::entries).orElse(List.of());
            BenchEnvironment.put(json, backend, shared);
        }
        if (shared.json) {
            put(measured, json);
            DeviceTimesView.put(json, device);
            terminal.json(json);
        } else {
            double seconds = measured.stream().mapToDouble(Measured::seconds).sum();
            terminal.out().print(text(measured) + DeviceTimesView.text(device, seconds));
        }
        return ExitStatus.DONE;
    }

    private BenchSource source() {
        return model != null
                ? new FolderBenchSource(model, stats, unseen)
                : new SyntheticBenchSource(BenchShape.config(shape), tokens);
    }

    private void tellCases(SolverSettings settings, List<Integer> turns) {
        try (BenchSource source = source()) {
            List<BenchCase> cases = new ArrayList<>();
            for (FactorizationBench.Planned each :
                    new FactorizationBench(source, layers, include, ratio, settings, turns).planned()) {
                Projection p = each.projection();
                String weight = p.d2() + " x " + p.d1();
                if (each.gramFlops() > 0 && each.rounds() == turns.get(0)) {
                    cases.add(new BenchCase("Gram", p.name(), "d1 " + p.d1(), 0, each.gramFlops(), each.memory()));
                }
                cases.add(new BenchCase(
                        solver + ", " + Quantities.count(each.rounds(), "round"),
                        p.name(),
                        weight + ", k " + each.k() + ", s " + each.s(),
                        0,
                        each.flops(),
                        each.memory()));
            }
            String of = model == null ? shape : model.toString();
            DryRun.tell(of, cases, DryRun.footprint(shared), shared, terminal);
        }
    }

    private SolverSettings settings() {
        Solver named = Arrays.stream(Solver.values())
                .filter(each -> each.option().equals(solver))
                .findFirst()
                .orElseThrow();
        if (groups != MaskGroups.NONE && !SolverSettings.inGroups(Method.COSPADI, named)) {
            throw RecipeException.usage("--groups belongs to solver block; found --solver " + solver);
        }
        Pursuit pursues = Arrays.stream(Pursuit.values())
                .filter(each -> each.option().equals(pursuit))
                .findFirst()
                .orElseThrow();
        if (pursues != Pursuit.EXACT && !SolverSettings.pursues(Method.COSPADI, named)) {
            throw RecipeException.usage("--pursuit belongs to solvers but block; found --solver " + solver);
        }
        return SolverSettings.defaults(Method.COSPADI, named)
                .withPursuit(pursues)
                .withGroups(groups);
    }

    /** The paper's seconds for the same projection and {@link PaperTimes#ROUNDS} rounds, where both are known. */
    private OptionalDouble paperSeconds(Measured m) {
        boolean known = solver.equals(Solver.KSVD.option())
                && pursuit.equals(Pursuit.EXACT.option())
                && PaperTimes.SHAPE.equals(shape)
                && ratio == PaperTimes.RATIO
                && m.loopSeconds().isPresent();
        return known
                ? OptionalDouble.of(PaperTimes.seconds(BenchShape.config(shape), m.projection()))
                : OptionalDouble.empty();
    }

    /** Seconds that as many rounds as the paper's would take, at the pace of those that were run. */
    private double secondsOfPaperRounds(Measured m) {
        return m.seconds() + m.loopSeconds().getAsDouble() * (PaperTimes.ROUNDS / (double) m.rounds() - 1);
    }

    private String text(List<Measured> measured) {
        TextTable table = new TextTable(
                "projection",
                "k",
                "s",
                "rounds",
                "error",
                "unseen",
                "GFLOP",
                "s ",
                "GFLOP/s",
                "of sgemm",
                "loop of sgemm");
        for (Measured m : measured) {
            table.row(
                    m.projection().name().replace("model.layers.", ""),
                    String.valueOf(m.k()),
                    String.valueOf(m.s()),
                    String.valueOf(m.rounds()),
                    String.format(Locale.ROOT, "%.5f", m.error()),
                    m.unseenError().isPresent()
                            ? String.format(Locale.ROOT, "%.5f", m.unseenError().getAsDouble())
                            : "",
                    String.format(Locale.ROOT, "%.2f", m.flops() / 1e9),
                    String.format(Locale.ROOT, "%.3f", m.seconds()),
                    String.format(Locale.ROOT, "%.1f", m.flops() / m.seconds() / 1e9),
                    String.format(Locale.ROOT, "%.0f %%", 100 * m.flops() / m.seconds() / m.sgemm()),
                    m.loopRate().isPresent()
                            ? String.format(
                                    Locale.ROOT, "%.0f %%", 100 * m.loopRate().getAsDouble() / m.sgemm())
                            : "");
        }
        double seconds = measured.stream().mapToDouble(Measured::seconds).sum();
        double ideal = measured.stream().mapToDouble(m -> m.flops() / m.sgemm()).sum();
        StringBuilder text = new StringBuilder(table.toString());
        text.append(String.format(
                Locale.ROOT,
                "in all %.1f GFLOP in %.2f s, %.2f times what they take at sgemm's rate (%.2f s)%n",
                measured.stream().mapToDouble(Measured::flops).sum() / 1e9,
                seconds,
                seconds / ideal,
                ideal));
        double grams = measured.stream().mapToDouble(Measured::gramSeconds).sum();
        if (shape != null) {
            text.append(String.format(
                    Locale.ROOT,
                    "Grams of %d tokens %.2f s; %.2f s with the factorisation%n",
                    tokens,
                    grams,
                    seconds + grams));
        }
        for (Measured m : measured) {
            paperSeconds(m)
                    .ifPresent(paper -> text.append(String.format(
                            Locale.ROOT,
                            "%s: %d rounds take %.1f s; in the paper, on one A100, %.1f s (its share of 646 minutes): %.1f x%n",
                            m.projection().name(),
                            PaperTimes.ROUNDS,
                            secondsOfPaperRounds(m),
                            paper,
                            paper / secondsOfPaperRounds(m))));
        }
        phases(measured)
                .forEach((phase, spent) -> text.append(
                        String.format(Locale.ROOT, "%-12s %8.2f s  %3.0f %%%n", phase, spent, 100 * spent / seconds)));
        return text.toString();
    }

    private static Map<String, Double> phases(List<Measured> measured) {
        Map<String, Double> phases = new TreeMap<>();
        measured.forEach(m -> m.secondsByPhase().forEach((phase, s) -> phases.merge(phase, s, Double::sum)));
        return phases;
    }

    private void put(List<Measured> measured, ObjectNode json) {
        json.put("model", model == null ? shape : model.toString())
                .put("solver", solver)
                .put("pursuit", pursuit)
                .put("groups", groups.option());
        double seconds = measured.stream().mapToDouble(Measured::seconds).sum();
        double ideal = measured.stream().mapToDouble(m -> m.flops() / m.sgemm()).sum();
        json.put("seconds", seconds).put("seconds_at_sgemm_rate", ideal).put("times", seconds / ideal);
        json.put(
                "gram_seconds",
                measured.stream().mapToDouble(Measured::gramSeconds).sum());
        ObjectNode split = json.putObject("seconds_by_phase");
        phases(measured).forEach(split::put);
        ArrayNode projections = json.putArray("projections");
        for (Measured m : measured) {
            ObjectNode entry = projections.addObject();
            entry.put("name", m.projection().name())
                    .put("k", m.k())
                    .put("s", m.s())
                    .put("rounds", m.rounds())
                    .put("error", m.error())
                    .put("flops", m.flops())
                    .put("seconds", m.seconds())
                    .put("sgemm_flops_per_second", m.sgemm())
                    .put("share", m.flops() / m.seconds() / m.sgemm())
                    .put(
                            "loop_seconds",
                            m.loopSeconds().isPresent() ? m.loopSeconds().getAsDouble() : null)
                    .put("loop_share", m.loopRate().isPresent() ? m.loopRate().getAsDouble() / m.sgemm() : null);
            m.unseenError().ifPresent(error -> entry.put("unseen_error", error));
            paperSeconds(m).ifPresent(paper -> entry.put("seconds_of_60_rounds", secondsOfPaperRounds(m))
                    .put("paper_seconds_of_60_rounds", paper));
        }
    }
}
