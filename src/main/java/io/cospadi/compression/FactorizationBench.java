package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.DeviceTimes;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.ProductRate;
import io.cospadi.budget.Allocation;
import io.cospadi.budget.Budget;
import io.cospadi.budget.Storage;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.FactorShape;
import io.cospadi.factorization.Factorization;
import io.cospadi.factorization.Factorizer;
import io.cospadi.factorization.Method;
import io.cospadi.factorization.Problem;
import io.cospadi.factorization.RelativeError;
import io.cospadi.factorization.RoundListener;
import io.cospadi.factorization.Solver;
import io.cospadi.factorization.SolverSettings;
import io.cospadi.tensor.Progress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Factorises projections and sets counted operations a second against a matrix product's rate, which is measured before and
 * after each of them, because a shared machine's speed drifts.
 *
 * @param source  whose projections
 * @param layers  "10", "8-10" or "all"; null for the middle one
 * @param include which of their projections; none for all
 * @param ratio   under the uniform budget
 * @param solver  which
 * @param rounds  for how many rounds, each in turn
 */
public record FactorizationBench(
        BenchSource source,
        String layers,
        List<NamePattern> include,
        double ratio,
        SolverSettings solver,
        List<Integer> rounds) {
    private static final List<String> ROUND_PHASES = List.of("rounds", "sparse coding", "dictionary update");
    /** Share of its seconds by which a run may differ from an equal one. */
    private static final double NOISE = 0.2;

    private static final Pattern RANGE = Pattern.compile("(\\d{1,5})(?:-(\\d{1,5}))?");

    public FactorizationBench {
        if (!(ratio > 0 && ratio < 1)) {
            throw RecipeException.usage("--ratio is a share between 0 and 1; found " + ratio);
        }
    }

    /**
     * One projection's figures.
     *
     * @param rounds         of the solver
     * @param error          relative error of the factors as stored
     * @param unseenError    the same under the Gram of unseen text, where the source has one
     * @param flops          counted by formula, start and final fit included
     * @param seconds        of all of it
     * @param loopSeconds    of the rounds alone; empty where they are lost in the noise of the clock
     * @param loopRate       operations a second of the rounds alone; empty likewise
     * @param sgemm          operations a second of a matrix product around it
     * @param gramSeconds    of the Gram of its inputs, where the source computes one; 0 where another projection's was shared
     * @param secondsByPhase where the seconds went
     */
    public record Measured(
            Projection projection,
            int k,
            int s,
            int rounds,
            double error,
            OptionalDouble unseenError,
            double flops,
            double seconds,
            OptionalDouble loopSeconds,
            OptionalDouble loopRate,
            double sgemm,
            double gramSeconds,
            Map<String, Double> secondsByPhase) {}

    /**
     * What {@link #run} is going to measure.
     *
     * @param k         atoms; 0 where the projection stays dense and nothing is measured
     * @param s         nonzeros a row
     * @param flops     by the formulas that plan estimates time with
     * @param gramFlops of the Gram that is summed up for it
     * @param memory    bytes at the widest moment, the Gram's sum included
     */
    public record Planned(
            Projection projection, int k, int s, int rounds, double flops, double gramFlops, long memory) {}

    /** All that is measured, in its order. */
    public List<Planned> planned() {
        List<Planned> planned = new ArrayList<>();
        for (Allocation each : allocations()) {
            Projection p = each.projection();
            long solving = PeakMemory.factorization(p.d1(), p.d2(), each.k(), 1, 0, 0);
            for (int turn : each.isDense() ? List.<Integer>of() : rounds) {
                planned.add(new Planned(
                        p,
                        each.k(),
                        each.s(),
                        turn,
                        FlopCounts.factorization(solver.withRounds(turn), p.d1(), p.d2(), each.k(), each.s()),
                        source.gramFlops(p),
                        Math.max(solving, source.gramMemory(p))));
            }
        }
        return planned;
    }

    /**
     * Measures one projection after the other.
     *
     * @param times paused but where seconds count
     */
    public void run(Backend backend, Optional<DeviceTimes> times, Progress progress, Consumer<Measured> listener) {
        times.ifPresent(DeviceTimes::pause);
        List<Allocation> allocations = allocations();
        Map<FactorShape, Factorization> bare = new HashMap<>();
        double before = ProductRate.of(backend);
        for (int i = 0; i < allocations.size(); i++) {
            Allocation allocation = allocations.get(i);
            if (!allocation.isDense()) {
                before = measure(backend, times, allocation, before, bare, listener);
            }
            progress.advance(i + 1L, allocations.size());
        }
    }

    /** Of the projections that were asked for. */
    private List<Allocation> allocations() {
        List<String> names =
                source.config().projections().stream().map(Projection::name).toList();
        include.forEach(pattern -> pattern.requireMatch("--include", names));
        List<Projection> projections = source.config().projections().stream()
                .filter(p -> chosen(p.layer(), source.config().layers()))
                .filter(p -> include.isEmpty() || include.stream().anyMatch(pattern -> pattern.matches(p.name())))
                .toList();
        if (projections.isEmpty()) {
            throw RecipeException.usage("--layers " + layers + " with --include names none of the model's "
                    + source.config().layers() + " layers, which count from 0");
        }
        return Budget.uniform(projections, ratio, Storage.of(Method.COSPADI, solver.groups()));
    }

    private boolean chosen(int layer, int all) {
        if (layers == null) {
            return layer == all / 2;
        }
        if (layers.equals("all")) {
            return true;
        }
        Matcher range = RANGE.matcher(layers);
        if (!range.matches()) {
            throw RecipeException.usage("--layers is a layer, a range such as 8-10, or all; found '" + layers + "'");
        }
        int first = Integer.parseInt(range.group(1));
        int last = range.group(2) == null ? first : Integer.parseInt(range.group(2));
        if (last >= all || first > last) {
            throw RecipeException.usage("--layers " + layers + " is no range of the model's layers, which are 0 to "
                    + (all - 1) + "; choose within those");
        }
        return layer >= first && layer <= last;
    }

    private double measure(
            Backend backend,
            Optional<DeviceTimes> times,
            Allocation allocation,
            double sgemmBefore,
            Map<FactorShape, Factorization> bares,
            Consumer<Measured> listener) {
        Projection p = allocation.projection();
        try (Matrix weight = source.weight(p, backend);
                BenchSource.TimedGram gram = source.gram(p, backend)) {
            Problem problem = new Problem(p.name(), weight, gram.gram());
            // without rounds: what the loop's operations are counted from, and a warm-up of all else
            boolean first = bares.isEmpty();
            Factorization bare = bares.computeIfAbsent(
                    new FactorShape(p.d1(), p.d2(), allocation.k(), allocation.s()),
                    shape -> factorize(backend, solver.withRounds(0), problem, allocation));
            if (first && solver.solver() == Solver.BLOCK) {
                factorize(backend, solver.withRounds(rounds.get(0)), problem, allocation);
            }
            double before = sgemmBefore;
            for (int each : rounds) {
                backend.synchronize();
                times.ifPresent(DeviceTimes::resume);
                Factorization full = factorize(backend, solver.withRounds(each), problem, allocation);
                times.ifPresent(DeviceTimes::pause);
                double after = ProductRate.of(backend);
                listener.accept(
                        measured(backend, allocation, problem, gram.seconds(), each, bare, full, (before + after) / 2));
                before = after;
            }
            return before;
        }
    }

    private Measured measured(
            Backend backend,
            Allocation allocation,
            Problem problem,
            double gramSeconds,
            int each,
            Factorization bare,
            Factorization full,
            double sgemm) {
        OptionalDouble loop = difference(roundSeconds(full), roundSeconds(bare));
        return new Measured(
                allocation.projection(),
                allocation.k(),
                allocation.s(),
                each,
                full.relativeError(),
                unseenError(backend, allocation.projection(), problem, full),
                full.flops(),
                full.seconds(),
                loop,
                loop.isEmpty() ? loop : OptionalDouble.of((full.flops() - bare.flops()) / loop.getAsDouble()),
                sgemm,
                gramSeconds,
                full.secondsByPhase());
    }

    private OptionalDouble unseenError(Backend backend, Projection p, Problem problem, Factorization full) {
        Optional<Matrix> unseen = source.unseenGram(p, backend);
        if (unseen.isEmpty()) {
            return OptionalDouble.empty();
        }
        try (Matrix gram = unseen.get()) {
            return OptionalDouble.of(
                    RelativeError.of(backend, new Problem(p.name(), problem.weight(), gram), full.factors()));
        }
    }

    /**
     * Seconds of a run less those of another that did less; empty where equal runs would differ by as much on a shared machine:
     * the difference would be their noise, negative every other time.
     */
    static OptionalDouble difference(double seconds, double ofLess) {
        double difference = seconds - ofLess;
        return difference > NOISE * seconds ? OptionalDouble.of(difference) : OptionalDouble.empty();
    }

    private static double roundSeconds(Factorization factorization) {
        return ROUND_PHASES.stream()
                .mapToDouble(phase -> factorization.secondsByPhase().getOrDefault(phase, 0.0))
                .sum();
    }

    private static Factorization factorize(
            Backend backend, SolverSettings settings, Problem problem, Allocation allocation) {
        return Factorizer.of(settings).factorize(backend, problem, allocation.k(), allocation.s(), RoundListener.NONE);
    }
}
