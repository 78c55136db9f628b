package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.Footprint;
import io.cospadi.backend.SelfTest;
import io.cospadi.benchmark.BenchCase;
import io.cospadi.benchmark.FactoredProjection;
import io.cospadi.benchmark.Measurement;
import io.cospadi.benchmark.Measurement.Bound;
import io.cospadi.benchmark.ProjectionCases;
import io.cospadi.benchmark.ProjectionKernels;
import io.cospadi.benchmark.SiteKernels;
import io.cospadi.benchmark.SolverKernels;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.compression.RecipeException;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.MaskGroups;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code bench kernels}: the verbs of decoding and of factorising at a model's sizes, verified and then timed. */
@Command(
        name = "kernels",
        description =
                "Verifies the backend's verbs, then times them at a model's sizes: beside the machine's own rates, the dense "
                        + "product, and the vendor's libraries.")
final class BenchKernelsCommand implements Callable<Integer> {
    /** Of operands that take turns: four times the level-2 cache of an H200. */
    private static final long ROTATION_BYTES = 256L << 20;

    @Option(
            names = "--shape",
            paramLabel = "NAME",
            description = "Whose sizes: llama-3-8b, llama-3.2-1b, smollm2-135m (default) or tiny.",
            converter = Choices.ShapeName.class)
    private String shape = "smollm2-135m";

    @Option(
            names = "--ratios",
            paramLabel = "R",
            split = ",",
            description = "Ratios to factor at (default: 0.2,0.3,0.4).")
    private double[] ratios = {0.2, 0.3, 0.4};

    @Option(
            names = "--groups",
            paramLabel = "none|8:16|2:4",
            description = "Codes with such masks too, beside those without (default: none).",
            converter = Choices.GroupsName.class)
    private MaskGroups groups = MaskGroups.NONE;

    @Option(names = "--repetitions", paramLabel = "N", description = "Of which the median counts (default: 15).")
    private int repetitions = 15;

    @Mixin
    private DryRun dryRun;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;

    BenchKernelsCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        SharedOptions.atLeast("--repetitions", repetitions, 1);
        for (double ratio : ratios) {
            if (!(ratio > 0 && ratio < 1)) {
                throw RecipeException.usage("--ratios are shares between 0 and 1; found " + ratio);
            }
        }
        if (dryRun.asked) {
            Footprint footprint = DryRun.footprint(shared);
            DryRun.tell(shape, cases(footprint), footprint, shared, terminal);
            return ExitStatus.DONE;
        }
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        ArrayNode kernels = json.put("shape", shape).putArray("kernels");
        try (Backend backend = shared.open(terminal)) {
            for (SelfTest.Check check : SelfTest.run(backend)) {
                if (!check.passed()) {
                    throw new CospadiException("the backend computes wrongly: " + check + "; nothing is timed");
                }
            }
            measure(backend, measurement -> {
                (shared.json ? terminal.err() : terminal.out()).println(line(measurement));
                put(measurement, kernels.addObject());
            });
            BenchEnvironment.put(json, backend, shared);
        }
        if (shared.json) {
            terminal.json(json);
        }
        return ExitStatus.DONE;
    }

    private void measure(Backend backend, Consumer<Measurement> listener) {
        ProjectionKernels products =
                new ProjectionKernels(backend, repetitions, ROTATION_BYTES, listener, terminal::note);
        SiteKernels sites = new SiteKernels(products, backend, repetitions, listener);
        forEach(products::run, sites::run);
        gate().ifPresent(gate -> new SolverKernels(backend, repetitions, listener)
                .run(gate.d1(), gate.d2(), gate.size().k(), gate.size().s()));
    }

    /** What {@link #measure} measures. */
    private List<BenchCase> cases(Footprint footprint) {
        ProjectionCases products = new ProjectionCases(footprint, ROTATION_BYTES);
        forEach(products::projection, products::site);
        List<BenchCase> cases = new ArrayList<>(products.cases());
        gate().ifPresent(gate -> cases.addAll(SolverKernels.cases(
                gate.d1(), gate.d2(), gate.size().k(), gate.size().s())));
        return cases;
    }

    private void forEach(Consumer<FactoredProjection> projections, Consumer<List<FactoredProjection>> siblings) {
        ModelConfig config = BenchShape.config(shape);
        for (double ratio : ratios) {
            for (int group : groups == MaskGroups.NONE ? new int[] {0} : new int[] {0, groups.atoms()}) {
                BenchShape.projections(config, ratio, group).forEach(projections);
                BenchShape.siblings(config, ratio, group).forEach(siblings);
            }
        }
    }

    /** Whose sizes the solver's verbs have. */
    private Optional<FactoredProjection> gate() {
        return BenchShape.projections(BenchShape.config(shape), ratios[0], 0).stream()
                .filter(projection -> projection.types().contains("gate"))
                .findFirst();
    }

    /** {@code kernel on, shape type | median (p90) | rate | of roof | ratios}. */
    private static String line(Measurement m) {
        return String.format(
                Locale.ROOT,
                "%-18s %-18s %-36s %-15s | %10.2f us (p90 %10.2f) | %s | %3.0f %% of %s%s%s",
                m.kernel(),
                m.on(),
                m.shape(),
                m.type(),
                1e6 * m.times().median(),
                1e6 * m.times().slow(),
                rate(m.rate(), m.bound()),
                100 * m.share(),
                rate(m.roof(), m.bound()).strip(),
                ratio(m.timesDense(), "dense"),
                ratio(m.timesSparse(), "CSR"));
    }

    private static String rate(double perSecond, Bound bound) {
        String unit = bound == Bound.MEMORY ? "B/s   " : "FLOP/s";
        boolean tera = bound == Bound.ARITHMETIC && perSecond >= 1e12;
        return String.format(Locale.ROOT, "%8.1f %s%s", perSecond / (tera ? 1e12 : 1e9), tera ? "T" : "G", unit);
    }

    private static String ratio(OptionalDouble times, String of) {
        return times.isEmpty() ? "" : String.format(Locale.ROOT, " | %.2f x %s", times.getAsDouble(), of);
    }

    private static void put(Measurement m, ObjectNode json) {
        json.put("kernel", m.kernel())
                .put("on", m.on())
                .put("shape", m.shape())
                .put("type", m.type())
                .put("seconds", m.times().median())
                .put("seconds_p90", m.times().slow())
                .put("bytes", m.bytes())
                .put("flops", m.flops())
                .put("bound", m.bound().name().toLowerCase(Locale.ROOT))
                .put("rate", m.rate())
                .put("roof", m.roof())
                .put("share", m.share());
        m.timesDense().ifPresent(times -> json.put("times_dense", times));
        m.timesSparse().ifPresent(times -> json.put("times_csr", times));
    }
}
