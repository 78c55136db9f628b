package io.cospadi.compression;

import io.cospadi.budget.Allocation;
import io.cospadi.calibration.Calibration;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ShardedWriter;
import io.cospadi.decoder.ActivationMemory;
import io.cospadi.factorization.Method;
import io.cospadi.factorization.ShareObjective;
import io.cospadi.factorization.SolverSettings;
import io.cospadi.format.CompactLayout;
import io.cospadi.format.CompactSizes;
import io.cospadi.quantization.FeedbackRounding;
import io.cospadi.tensor.CospadiException;
import java.util.List;
import java.util.Locale;

/**
 * What a recipe comes to for a model, from headers alone. Sizes and ratios are exact for the uniform budget; the
 * others depend on weights and text, so there the uniform sizes stand in for them: their total is the same, their spread is
 * not.
 *
 * @param allocations     k, s and bytes of each targeted projection, in the model's order
 * @param exact           whether the job will use exactly these
 * @param sizes           of the folder to be, to the byte
 * @param ratio           that the recipe asks for
 * @param peakMemory      that the job is expected to need
 * @param workBytes       disk that the work folder takes at most: Grams, parts, and the folder to be
 * @param time            estimate for the whole job
 */
public record Plan(
        List<Allocation> allocations,
        boolean exact,
        CompactSizes sizes,
        double ratio,
        PeakMemory peakMemory,
        long workBytes,
        TimeEstimate time) {
    /**
     * Plans a job.
     *
     * @param checkpoint dense, of which only headers are read
     * @param withGrams  whether the job calibrates itself, rather than use a Gram store that is there
     * @param threads    that will compute
     * @param flopsPerSecond measured; 0 to assume
     * @throws io.cospadi.tensor.CospadiException if a pattern matches nothing or a projection can't meet its ratio
     */
    public static Plan of(Checkpoint checkpoint, Recipe recipe, boolean withGrams, int threads, double flopsPerSecond) {
        ModelConfig config = checkpoint.config();
        List<Projection> targeted = Targets.of(recipe, config);
        List<Allocation> allocations = Targets.uniform(recipe, targeted);
        CompactSizes sizes = CompactLayout.of(
                        checkpoint,
                        Targets.modules(allocations, recipe.method()),
                        recipe.precision(),
                        ShardedWriter.SHARD_BYTES)
                .sizes();
        long tokens = (long) recipe.windows() * recipe.window();
        return new Plan(
                allocations,
                recipe.budget() == BudgetChoice.UNIFORM,
                sizes,
                recipe.ratio(),
                peakMemory(
                        config,
                        recipe,
                        recipe.budget() == BudgetChoice.UNIFORM ? allocations : Targets.largest(recipe, targeted),
                        withGrams ? tokens : 0),
                workBytes(config, allocations, sizes, withGrams),
                time(config, recipe, allocations, withGrams ? tokens : 0, threads, flopsPerSecond));
    }

    private static PeakMemory peakMemory(ModelConfig config, Recipe recipe, List<Allocation> allocations, long tokens) {
        long worst = 0;
        for (Allocation allocation : allocations) {
            worst = Math.max(worst, factorizationBytes(recipe, allocation));
        }
        long calibration = tokens == 0
                ? 0
                : Calibration.peakBytes(config, recipe.windows(), recipe.window(), ActivationMemory.LEAST_BYTES);
        long gradients = tokens == 0
                ? 0
                : Calibrating.gradientWindows(recipe)
                        .map(w -> PeakMemory.gradients(config, w.windows(), w.length(), OutputLoss.settings(recipe)))
                        .orElse(0L);
        long propagation =
                PeakMemory.propagation(config, recipe.propagation(), (long) recipe.windows() * recipe.window());
        return new PeakMemory(Math.max(calibration, gradients), worst + propagation);
    }

    /**
     * Makes sure that what stays dense, because no factors of it are small enough, does not spoil the ratio unnoticed.
     *
     * @param recipe that was planned
     * @throws CospadiException if it does
     */
    public void requireRatio(Recipe recipe) {
        if (!recipe.overrides().isEmpty() || sizes.ratioProjections() >= recipe.ratio()) {
            return;
        }
        List<String> dense = allocations.stream()
                .filter(Allocation::isDense)
                .map(allocation -> allocation.projection().name())
                .toList();
        throw new CospadiException(String.format(
                Locale.ROOT,
                "ratio %s can't be met: %d of %d projections, %s the first, have no factors so small and would stay dense,"
                        + " with a true ratio of %.4f; ask for less, or leave them out by --exclude",
                recipe.ratio(),
                dense.size(),
                allocations.size(),
                dense.isEmpty() ? "none" : dense.get(0),
                sizes.ratioProjections()));
    }

    /** Resident memory of factorising a projection, or the group that it is of; 0 where it stays dense. */
    static long factorizationBytes(Recipe recipe, Allocation allocation) {
        int d1 = allocation.projection().d1();
        int panel = FeedbackRounding.panelWidth(d1, recipe.precision().groupSize());
        return allocation.isDense()
                ? 0
                : PeakMemory.factorization(
                        d1,
                        allocation.sharingOutputs(),
                        allocation.k(),
                        allocation.sharing(),
                        fedRows(recipe, allocation),
                        Math.min(d1, panel));
    }

    private static int fedRows(Recipe recipe, Allocation allocation) {
        if (recipe.method() == Method.GPTQ) {
            return allocation.sharingOutputs();
        }
        return recipe.precision().dictionaryLevels() ? allocation.k() : 0;
    }

    private static long workBytes(
            ModelConfig config, List<Allocation> allocations, CompactSizes sizes, boolean withGrams) {
        long grams = 0;
        for (int layer = 0; withGrams && layer < config.layers(); layer++) {
            for (InputSite site : InputSite.values()) {
                long width = FlopCounts.siteWidth(config, layer, site);
                grams += 8 * width * width;
            }
        }
        return grams + partBytes(allocations) + sizes.fileBytes();
    }

    /** The part of every member of a group holds the whole of what they share. */
    private static long partBytes(List<Allocation> allocations) {
        return allocations.stream()
                .filter(allocation -> !allocation.isDense())
                .mapToLong(allocation -> allocation.bytes()
                        + 2L
                                * allocation.k()
                                * allocation.projection().d1()
                                * (allocation.sharing() - 1)
                                / allocation.sharing())
                .sum();
    }

    /** Disk that all part files take. */
    long partBytes() {
        return partBytes(allocations);
    }

    private static TimeEstimate time(
            ModelConfig config,
            Recipe recipe,
            List<Allocation> allocations,
            long tokens,
            int threads,
            double flopsPerSecond) {
        double calibration = 0;
        for (int layer = 0; layer < config.layers(); layer++) {
            calibration += FlopCounts.calibration(config, layer, tokens, recipe.window());
        }
        if (tokens > 0) {
            calibration += Calibrating.gradientWindows(recipe)
                    .map(w -> FlopCounts.gradients(config, (long) w.windows() * w.length(), w.length()))
                    .orElse(0.0);
        }
        double factorization = flops(recipe, allocations);
        factorization += Sizing.flops(
                recipe, allocations.stream().map(Allocation::projection).toList());
        // the windows are run through again, wherever the Grams come from
        double propagation = FlopCounts.propagation(
                config, recipe.propagation(), (long) recipe.windows() * recipe.window(), recipe.window());
        return flopsPerSecond > 0
                ? TimeEstimate.measured(calibration, propagation, factorization, flopsPerSecond, threads)
                : TimeEstimate.assumed(calibration, propagation, factorization, threads);
    }

    /** Counted operations of one projection's factorisation, an equal part of its group's; 0 where it stays dense. */
    static double flops(Recipe recipe, Allocation allocation) {
        if (allocation.isDense()) {
            return 0;
        }
        SolverSettings settings = recipe.solverSettings();
        int d1 = allocation.projection().d1();
        int m = allocation.sharing();
        double flops =
                FlopCounts.factorization(settings, d1, allocation.sharingOutputs(), allocation.k(), allocation.s());
        if (m > 1 && recipe.sharing().objective() == ShareObjective.EXACT) {
            flops += FlopCounts.sharing(settings, d1, allocation.k(), m);
        }
        return flops / m;
    }

    /** Counted operations of all factorisations. */
    static double flops(Recipe recipe, List<Allocation> allocations) {
        return allocations.stream()
                .mapToDouble(allocation -> flops(recipe, allocation))
                .sum();
    }
}
