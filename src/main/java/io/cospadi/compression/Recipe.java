package io.cospadi.compression;

import io.cospadi.budget.Storage;
import io.cospadi.factorization.Method;
import io.cospadi.factorization.Pursuit;
import io.cospadi.factorization.Solver;
import io.cospadi.factorization.SolverSettings;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.MaskGroups;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Everything that decides what a compression comes to, besides the model, the text and the machine. Read by
 * {@link RecipeDocument}, which also explains what is wrong with a value.
 *
 * @param ratio      share of the targeted projections' 16-bit bytes to save, in (0, 1)
 * @param method     what replaces a projection
 * @param solver     how {@link Method#COSPADI} alternates
 * @param pursuit    how its pursuit, if it has one, finds codes
 * @param budget     how the ratio is spread over projections
 * @param objective  what is kept small
 * @param rounds     rounds of the alternation, at least 0
 * @param seed       seed of random starts and random windows
 * @param windows    calibration windows, at least 1
 * @param window     tokens in each, at least 2
 * @param sample     which windows
 * @param precision  bits of the stored factors
 * @param groups     where codes may lie
 * @param include    projections that are targeted; empty: all
 * @param exclude    projections that are not, whatever {@code include} says
 * @param overrides  other ratios for some, or none at all
 * @param sharing    which projections share a dictionary
 * @param outputs    how the loss counts errors at the outputs
 * @param maxPerplexityIncrease by how many per cent perplexity on a held-out text may rise: the ratio is the largest that is predicted
 *                   to keep within it, and {@code ratio} what plans assume until it is found
 */
public record Recipe(
        double ratio,
        Method method,
        Solver solver,
        Pursuit pursuit,
        BudgetChoice budget,
        Objective objective,
        int rounds,
        long seed,
        int windows,
        int window,
        Sampling sample,
        Precision precision,
        MaskGroups groups,
        List<NamePattern> include,
        List<NamePattern> exclude,
        List<ProjectionOverride> overrides,
        Sharing sharing,
        OutputWeighting outputs,
        OptionalDouble maxPerplexityIncrease,
        Propagation propagation) {
    /** Calibration windows of the paper. */
    public static final int DEFAULT_WINDOWS = 256;

    /** Tokens of a calibration window in the paper. */
    public static final int DEFAULT_WINDOW = 1024;

    /** The paper's seed. */
    public static final long DEFAULT_SEED = 42;

    public Recipe {
        if (!(ratio > 0 && ratio < 1)) {
            throw new IllegalArgumentException("need 0 < ratio < 1, got " + ratio);
        }
        if (rounds < 0 || windows < 1 || window < 2) {
            throw new IllegalArgumentException("need rounds >= 0, windows >= 1 and window >= 2, got " + rounds + ", "
                    + windows + " and " + window);
        }
        if (maxPerplexityIncrease.isPresent() && !(maxPerplexityIncrease.getAsDouble() > 0)) {
            throw new IllegalArgumentException("a limit on perplexity is above 0 %, got " + maxPerplexityIncrease);
        }
        include = List.copyOf(include);
        exclude = List.copyOf(exclude);
        overrides = List.copyOf(overrides);
    }

    /** The same with another number of rounds. */
    Recipe withRounds(int newRounds) {
        return new Recipe(
                ratio,
                method,
                solver,
                pursuit,
                budget,
                objective,
                newRounds,
                seed,
                windows,
                window,
                sample,
                precision,
                groups,
                include,
                exclude,
                overrides,
                sharing,
                outputs,
                maxPerplexityIncrease,
                propagation);
    }

    /** The same at a ratio that is known. */
    Recipe withRatio(double newRatio) {
        return new Recipe(
                newRatio,
                method,
                solver,
                pursuit,
                budget,
                objective,
                rounds,
                seed,
                windows,
                window,
                sample,
                precision,
                groups,
                include,
                exclude,
                overrides,
                sharing,
                outputs,
                OptionalDouble.empty(),
                propagation);
    }

    /** What the bytes of a projection's size follow from. */
    public Storage storage() {
        return new Storage(method, precision, groups);
    }

    /** What the factorisation is told. */
    public SolverSettings solverSettings() {
        return SolverSettings.defaults(method, solver)
                .withPursuit(pursuit)
                .withRounds(rounds)
                .withSeed(seed)
                .withPrecision(precision)
                .withGroups(groups);
    }

    /** Whether codes come from orthogonal matching pursuit, one atom after the other. */
    boolean pursuesExactly() {
        return method == Method.COSPADI && solver != Solver.BLOCK && pursuit == Pursuit.EXACT;
    }

    /** Whether a projection of that name is to be compressed (or kept dense by an override). */
    public boolean targets(String projection) {
        return (include.isEmpty() || include.stream().anyMatch(pattern -> pattern.matches(projection)))
                && exclude.stream().noneMatch(pattern -> pattern.matches(projection));
    }
}
