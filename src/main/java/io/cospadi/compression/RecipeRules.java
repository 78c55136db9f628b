package io.cospadi.compression;

import com.fasterxml.jackson.databind.JsonNode;
import io.cospadi.calibration.OutputCovariance;
import io.cospadi.factorization.Method;
import io.cospadi.factorization.Pursuit;
import io.cospadi.factorization.ShareObjective;
import io.cospadi.factorization.Solver;
import io.cospadi.factorization.SolverSettings;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.MaskGroups;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/** What a recipe's options come to: the defaults, some of which follow from others, and which options go together. */
final class RecipeRules {
    private static final List<String> OVERRIDE_KEYS = List.of("pattern", "ratio", "dense");

    /** Weights with one scale, as in GPTQ's and most later tables. */
    private static final int DEFAULT_WEIGHT_GROUP = 128;

    /** What estimates of memory and time go by while the ratio is not known. */
    private static final double ASSUMED_RATIO = 0.2;

    private final RecipeValues values;

    RecipeRules(RecipeValues values) {
        this.values = values;
    }

    /**
     * What is to be done.
     *
     * @throws RecipeException naming the first option whose value makes no sense
     */
    Recipe recipe() {
        Optional<Double> percent = values.percent("max-perplexity-increase");
        Optional<Double> givenRatio = values.ratio(values.get("ratio"), "ratio");
        if (percent.isPresent() && givenRatio.isPresent()) {
            throw values.wrong(
                    "max-perplexity-increase",
                    "finds the ratio; leave --ratio out",
                    percent.get() + "' and '" + givenRatio.get());
        }
        double ratio = givenRatio
                .or(() -> percent.map(limit -> ASSUMED_RATIO))
                .orElseThrow(
                        () -> RecipeException.missing("--ratio", "the share to save, or --max-perplexity-increase"));
        Method method = values.choice("method", Method.values(), Method::option).orElse(Method.COSPADI);
        Optional<Solver> givenSolver = values.choice("solver", Solver.values(), Solver::option);
        if (givenSolver.isPresent() && method != Method.COSPADI) {
            throw values.wrong(
                    "solver",
                    "belongs to method cospadi, not to " + method.option(),
                    givenSolver.get().option());
        }
        Solver solver = givenSolver.orElse(Solver.BLOCK);
        Pursuit pursuit = pursuit(method, solver);
        BudgetChoice budget = values.choice("budget", BudgetChoice.values(), BudgetChoice::option)
                .orElse(method.rounds() ? BudgetChoice.UNIFORM : BudgetChoice.AUTO);
        if (method.rounds() && budget != BudgetChoice.UNIFORM) {
            throw values.wrong("budget", "is uniform for " + method.option(), budget.option());
        }
        Propagation propagation = values.choice("propagate", Propagation.values(), Propagation::option)
                .orElse(Propagation.DENSE);
        OutputCovariance covariance = values.choice(
                        "output-covariance", OutputCovariance.values(), OutputCovariance::option)
                .orElse(OutputWeighting.of(method).covariance());
        Sharing sharing = sharing(method, solver, sharedLayers(method, budget, propagation, covariance));
        if (propagation.sequential() && sharing.any()) {
            throw values.wrong(
                    "propagate",
                    "is dense where projections share a dictionary: it would have to be made before the layers between its"
                            + " members are compressed; choose --share 1",
                    propagation.option());
        }
        if (sharing.any() && budget == BudgetChoice.POOLED) {
            throw values.wrong("budget", "is auto or uniform where projections share a dictionary", budget.option());
        }
        if (percent.isPresent() && (budget != BudgetChoice.AUTO || method == Method.ZERO_SUM_SVD)) {
            throw values.wrong(
                    "max-perplexity-increase",
                    "follows predicted losses: it needs budget auto, and another method than zero-sum-svd",
                    "budget " + budget.option() + ", method " + method.option());
        }
        List<ProjectionOverride> overrides = overrides();
        if (budget != BudgetChoice.UNIFORM && !overrides.isEmpty()) {
            throw values.wrong(
                    "overrides",
                    "belong to the uniform budget; use exclude with the others",
                    "budget " + budget.option());
        }
        int defaultRounds = SolverSettings.defaultRounds(method, solver);
        Optional<Integer> rounds = values.integer("rounds", 0, 1_000_000);
        if (rounds.isPresent() && !method.sparse()) {
            throw values.wrong(
                    "rounds",
                    "does not apply to " + method.option() + ", which has none",
                    rounds.get().toString());
        }
        requireUsed(percent.isPresent());
        return new Recipe(
                ratio,
                method,
                solver,
                pursuit,
                budget,
                objective(method, budget),
                rounds.orElse(defaultRounds),
                values.whole("seed", Long.MIN_VALUE, Long.MAX_VALUE).orElse(Recipe.DEFAULT_SEED),
                values.integer("windows", 1, Integer.MAX_VALUE).orElse(Recipe.DEFAULT_WINDOWS),
                values.integer("window", 2, 1 << 24).orElse(Recipe.DEFAULT_WINDOW),
                values.choice("sample", Sampling.values(), Sampling::option).orElse(Sampling.CONSECUTIVE),
                precision(method),
                groups(method, solver),
                values.patterns("include"),
                values.patterns("exclude"),
                overrides,
                sharing,
                outputs(covariance, method, solver, sharing, objective(method, budget)),
                percent.isPresent() ? OptionalDouble.of(percent.get()) : OptionalDouble.empty(),
                propagation);
    }

    /**
     * A store's text was cut when it was made, so what would cut one is refused beside it. But for what a recipe file says while
     * the command line names the store: a recipe that was made for text serves for a store, too.
     */
    private void requireUsed(boolean heldOut) {
        Optional<String> stats = values.string("stats");
        if (stats.isEmpty()) {
            return;
        }
        for (String key : List.of("windows", "window", "sample")) {
            JsonNode given = values.get(key);
            boolean together = values.isOnCommandLine(key) || !values.isOnCommandLine("stats");
            boolean used = heldOut && key.equals("window");
            if (given != null && !given.isNull() && together && !used) {
                throw values.wrong(
                        key,
                        "does not apply where a store is given: --stats " + stats.get()
                                + " holds the windows that calibrate cut; leave it out",
                        given.asText());
            }
        }
    }

    private Pursuit pursuit(Method method, Solver solver) {
        Optional<Pursuit> given = values.choice("pursuit", Pursuit.values(), Pursuit::option);
        if (given.isPresent() && !SolverSettings.pursues(method, solver)) {
            throw values.wrong(
                    "pursuit",
                    "belongs to method cospadi with another solver than block, not to "
                            + (method == Method.COSPADI ? solver.option() : method.option()),
                    given.get().option());
        }
        return given.orElse(Pursuit.EXACT);
    }

    private Precision precision(Method method) {
        int valueBits = values.integer("value-bits", 1, 32).orElse(Precision.DEFAULT.valueBits());
        int dictionaryBits = values.integer("dictionary-bits", 1, 32).orElse(Precision.DEFAULT.dictionaryBits());
        Optional<Integer> groupSize = values.integer("group-size", 0, 1 << 24);
        if (!Precision.isValueBits(valueBits)) {
            throw values.wrong("value-bits", "is 16, 14 or 3 to 8", String.valueOf(valueBits));
        }
        if (!Precision.isDictionaryBits(dictionaryBits)) {
            throw values.wrong("dictionary-bits", "is 16 or 3 to 8", String.valueOf(dictionaryBits));
        }
        Precision precision =
                new Precision(valueBits, dictionaryBits, groupSize.orElse(method.rounds() ? DEFAULT_WEIGHT_GROUP : 0));
        if (groupSize.isPresent() && !precision.hasScales() && !method.rounds()) {
            throw values.wrong(
                    "group-size", "needs value-bits or dictionary-bits of 3 to 8", String.valueOf(groupSize.get()));
        }
        if (!method.sparse()
                && (valueBits != Precision.DEFAULT.valueBits()
                        || dictionaryBits != Precision.DEFAULT.dictionaryBits())) {
            throw values.wrong(
                    valueBits != Precision.DEFAULT.valueBits() ? "value-bits" : "dictionary-bits",
                    "does not apply to " + method.option()
                            + (method.rounds()
                                    ? ", whose bits are the most that meet the ratio"
                                    : ", whose factors are bf16"),
                    precision.toString());
        }
        return precision;
    }

    private MaskGroups groups(Method method, Solver solver) {
        MaskGroups groups =
                values.choice("groups", MaskGroups.values(), MaskGroups::option).orElse(MaskGroups.NONE);
        if (groups != MaskGroups.NONE && !SolverSettings.inGroups(method, solver)) {
            throw values.wrong(
                    "groups",
                    "belongs to method compot and to cospadi with solver block, not to "
                            + (method == Method.COSPADI ? solver.option() : method.option()),
                    groups.option());
        }
        return groups;
    }

    /** The rivals keep the objective of their papers, so that a comparison shows what each part brings. */
    private Objective objective(Method method, BudgetChoice budget) {
        Optional<Objective> given = values.choice("objective", Objective.values(), Objective::option);
        if (method == Method.KFAC_SVD) {
            if (given.isPresent() && given.get() != Objective.LOSS) {
                throw values.wrong("objective", "is loss for kfac-svd, whose outputs are whitened by it", "output");
            }
            return Objective.LOSS;
        }
        if (given.isPresent() && given.get() == Objective.LOSS && method != Method.COSPADI) {
            throw values.wrong(
                    "objective", "loss belongs to methods cospadi and kfac-svd, not to " + method.option(), "loss");
        }
        return given.orElse(
                method == Method.COSPADI && budget == BudgetChoice.AUTO ? Objective.LOSS : Objective.OUTPUT);
    }

    /** All of H takes part where a method can use it: in both whitenings of kfac-svd, or in the block solver. */
    private OutputWeighting outputs(
            OutputCovariance covariance, Method method, Solver solver, Sharing sharing, Objective objective) {
        boolean block = method == Method.COSPADI
                && solver == Solver.BLOCK
                && !sharing.any()
                && !precision(method).hasScales();
        if (covariance == OutputCovariance.FULL
                && method != Method.KFAC_SVD
                && !(block && objective == Objective.LOSS)) {
            throw values.wrong(
                    "output-covariance",
                    "is full for kfac-svd, or for objective loss with solver block, 14-bit codes and no sharing, else diagonal",
                    "full");
        }
        JsonNode shrinkage = values.get("output-shrinkage");
        if (shrinkage == null || shrinkage.isNull()) {
            return new OutputWeighting(covariance, OptionalDouble.empty());
        }
        double share = shrinkage.isNumber() ? shrinkage.doubleValue() : Double.NaN;
        if (!(share > 0 && share <= 1)) {
            throw values.wrong(
                    "output-shrinkage", "is a share above 0 and at most 1, such as 0.05", shrinkage.asText());
        }
        return new OutputWeighting(covariance, OptionalDouble.of(share));
    }

    /**
     * Groups of two are Basis Sharing's own, and what cospadi does best with under the loss-aware budget, unless something is
     * asked for that goes projection by projection. The uniform budget is the paper's protocol, a dictionary a projection.
     */
    private static int sharedLayers(
            Method method, BudgetChoice budget, Propagation propagation, OutputCovariance covariance) {
        boolean pairs = method == Method.COSPADI
                && budget == BudgetChoice.AUTO
                && !propagation.sequential()
                && covariance == OutputCovariance.DIAGONAL;
        return pairs || method == Method.BASIS_SHARING ? 2 : 1;
    }

    /** Groups that are listed replace those of {@code layers} adjacent ones, unless the document asks for both. */
    private Sharing sharing(Method method, Solver solver, int layers) {
        List<List<NamePattern>> groups = shareGroups();
        Optional<Integer> given = values.integer("share", 1, 100_000);
        boolean block = method == Method.COSPADI && solver == Solver.BLOCK;
        Sharing sharing = new Sharing(
                given.orElse(groups.isEmpty() ? layers : 1),
                values.patterns("share-include"),
                groups,
                values.choice("share-objective", ShareObjective.values(), ShareObjective::option)
                        .orElse(ShareObjective.MEAN));
        if (!sharing.any()) {
            if (!sharing.include().isEmpty()) {
                throw values.wrong("share-include", "needs share, the number of layers in a group", "no share");
            }
            return Sharing.NONE;
        }
        if (!method.shares()) {
            throw values.wrong(
                    given.isPresent() ? "share" : "share-groups",
                    "belongs to methods cospadi and basis-sharing, not to " + method.option(),
                    given.map(String::valueOf).orElse("share-groups"));
        }
        if (sharing.objective() == ShareObjective.EXACT && !block) {
            throw values.wrong("share-objective", "is mean but for method cospadi with solver block", "exact");
        }
        return sharing;
    }

    private List<List<NamePattern>> shareGroups() {
        JsonNode list = values.get("share-groups");
        if (list == null || list.isNull()) {
            return List.of();
        }
        if (!list.isArray()) {
            throw values.wrong("share-groups", "is a list of groups, each a list of patterns", list.toString());
        }
        List<List<NamePattern>> groups = new ArrayList<>();
        for (JsonNode group : list) {
            groups.add(values.strings("share-groups", group).stream()
                    .map(NamePattern::new)
                    .toList());
        }
        return groups;
    }

    private List<ProjectionOverride> overrides() {
        JsonNode list = values.get("overrides");
        if (list == null || list.isNull()) {
            return List.of();
        }
        if (!list.isArray()) {
            throw values.wrong("overrides", "is a list of mappings with pattern and ratio or dense", list.toString());
        }
        List<ProjectionOverride> overrides = new ArrayList<>();
        for (JsonNode entry : list) {
            entry.fieldNames().forEachRemaining(key -> {
                if (!OVERRIDE_KEYS.contains(key)) {
                    throw values.wrong(
                            "overrides", "knows pattern, ratio and dense" + NearestName.hint(key, OVERRIDE_KEYS), key);
                }
            });
            JsonNode pattern = entry.path("pattern");
            OptionalDouble ratio = values.ratio(entry.get("ratio"), "overrides: ratio")
                    .map(OptionalDouble::of)
                    .orElse(OptionalDouble.empty());
            boolean dense = entry.path("dense").asBoolean(false);
            if (!pattern.isTextual() || dense == ratio.isPresent()) {
                throw values.wrong(
                        "overrides", "needs a pattern and either a ratio or 'dense: true'", entry.toString());
            }
            overrides.add(new ProjectionOverride(new NamePattern(pattern.textValue()), ratio));
        }
        return overrides;
    }
}
