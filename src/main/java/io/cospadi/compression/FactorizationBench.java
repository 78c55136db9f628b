package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.SelfTest;
import io.cospadi.budget.Allocation;
import io.cospadi.budget.Budget;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.Factorization;
import io.cospadi.factorization.Factorizer;
import io.cospadi.factorization.Method;
import io.cospadi.factorization.Problem;
import io.cospadi.factorization.RoundListener;
import io.cospadi.factorization.Solver;
import io.cospadi.factorization.SolverSettings;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Factorises projections of a model and sets counted operations a second against a matrix product's rate, which is measured
 * before and after each of them, because a shared machine's speed drifts.
 *
 * @param model  dense folder
 * @param stats  Gram store, or null for Grams of random inputs, which cost the same
 * @param layers "10", "8-10" or "all"; null for the middle one
 * @param ratio  under the uniform budget
 * @param rounds of the block solver
 */
public record FactorizationBench(Path model, Path stats, String layers, double ratio, int rounds) {
    private static final int PRODUCT_ORDER = 1024;
    private static final Pattern RANGE = Pattern.compile("(\\d{1,5})(?:-(\\d{1,5}))?");

    public FactorizationBench {
        if (!(ratio > 0 && ratio < 1)) {
            throw RecipeException.usage("--ratio is a share between 0 and 1; found " + ratio);
        }
    }

    /**
     * One projection's figures.
     *
     * @param flops          counted by formula, start and final fit included
     * @param seconds        of all of it
     * @param loopRate       operations a second of the rounds alone
     * @param sgemm          operations a second of a matrix product around it
     * @param secondsByPhase where the seconds went
     */
    public record Measured(
            Projection projection,
            int k,
            int s,
            double flops,
            double seconds,
            double loopRate,
            double sgemm,
            Map<String, Double> secondsByPhase) {}

    /** Measures one projection after the other. */
    public void run(Backend backend, Progress progress, Consumer<Measured> listener) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            checkpoint.requireDense();
            GramStore grams = stats == null ? null : GramStore.open(stats);
            List<Projection> projections = checkpoint.config().projections().stream()
                    .filter(p -> chosen(p.layer(), checkpoint.config().layers()))
                    .toList();
            if (projections.isEmpty()) {
                throw RecipeException.usage("--layers " + layers + " names none of the model's "
                        + checkpoint.config().layers() + " layers, which count from 0");
            }
            List<Allocation> allocations = Budget.uniform(projections, ratio, Method.COSPADI);
            double before = SelfTest.productRate(backend, PRODUCT_ORDER);
            for (int i = 0; i < allocations.size(); i++) {
                Allocation allocation = allocations.get(i);
                if (!allocation.isDense()) {
                    before = measure(backend, checkpoint, grams, allocation, before, listener, i == 0);
                }
                progress.advance(i + 1L, allocations.size());
            }
        }
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
        return layer >= first && layer <= (range.group(2) == null ? first : Integer.parseInt(range.group(2)));
    }

    private double measure(
            Backend backend,
            Checkpoint checkpoint,
            GramStore grams,
            Allocation allocation,
            double sgemmBefore,
            Consumer<Measured> listener,
            boolean first) {
        Projection p = allocation.projection();
        SolverSettings settings =
                SolverSettings.defaults(Method.COSPADI, Solver.BLOCK).withRounds(rounds);
        try (Matrix weight = checkpoint.load(p.weightName(), backend);
                Matrix gram = grams == null ? synthetic(backend, p.d1()) : grams.gram(p.siteName(), backend)) {
            Problem problem = new Problem(p.name(), weight, gram);
            // without rounds: what the loop's operations are counted from, and a warm-up of all else
            Factorization bare = factorize(backend, settings.withRounds(0), problem, allocation);
            if (first) {
                factorize(backend, settings, problem, allocation);
            }
            Factorization full = factorize(backend, settings, problem, allocation);
            double sgemmAfter = SelfTest.productRate(backend, PRODUCT_ORDER);
            double loop = full.secondsByPhase().getOrDefault("rounds", full.seconds())
                    - bare.secondsByPhase().getOrDefault("rounds", 0.0);
            listener.accept(new Measured(
                    p,
                    allocation.k(),
                    allocation.s(),
                    full.flops(),
                    full.seconds(),
                    (full.flops() - bare.flops()) / loop,
                    (sgemmBefore + sgemmAfter) / 2,
                    full.secondsByPhase()));
            return sgemmAfter;
        }
    }

    private static Factorization factorize(
            Backend backend, SolverSettings settings, Problem problem, Allocation allocation) {
        return Factorizer.of(settings).factorize(backend, problem, allocation.k(), allocation.s(), RoundListener.NONE);
    }

    /** {@code XᵀX} of 2·d1 random rows whose features fall off like 1/j. */
    private static Matrix synthetic(Backend backend, int d1) {
        SplittableRandom random = new SplittableRandom(42);
        float[] values = new float[2 * d1 * d1];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) ((random.nextDouble() - 0.5) / Math.sqrt(1 + i % d1));
        }
        Matrix gram = backend.allocate(d1, d1, DType.F64);
        try (Matrix inputs = backend.allocate(2 * d1, d1, DType.F32)) {
            backend.write(inputs, values);
            backend.addGram(inputs, gram);
        }
        return gram;
    }
}
