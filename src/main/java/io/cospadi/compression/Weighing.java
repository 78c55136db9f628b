package io.cospadi.compression;

import com.fasterxml.jackson.databind.JsonNode;
import io.cospadi.backend.Backend;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import java.util.List;

/**
 * What a budget has to know of each projection, or group that shares a dictionary, before it shares bytes out: its
 * {@link LossCurves}, or its {@link Components}.
 */
final class Weighing {
    private Weighing() {}

    private static boolean byComponents(Recipe recipe) {
        return recipe.budget() == BudgetChoice.POOLED || OutputLoss.needsWeightGradients(recipe);
    }

    /** What is weighed together, in the order of {@code targeted}. */
    static List<List<Projection>> groups(Recipe recipe, List<Projection> targeted) {
        return byComponents(recipe) ? targeted.stream().map(List::of).toList() : Targets.groups(recipe, targeted);
    }

    /** Operations that weighing a group takes. */
    static double flops(Recipe recipe, List<Projection> group) {
        return byComponents(recipe) ? Components.flops(group.get(0)) : LossCurves.flops(recipe, group);
    }

    /** Where {@link #measure} loads weights and Grams from; the caller closes it. */
    static LoadedProblems loaded(Backend backend, Checkpoint model, Recipe recipe, GramStore grams) {
        return byComponents(recipe)
                ? LoadedProblems.unweighted(backend, model, recipe, grams)
                : new LoadedProblems(backend, model, recipe, grams);
    }

    /**
     * Weighs a group.
     *
     * @param next      the group that is weighed behind, as far as that is known
     * @param checkStop called often; throws to end the work
     * @return what {@link Weighed} keeps
     */
    static JsonNode measure(
            Backend backend,
            Recipe recipe,
            GramStore grams,
            LoadedProblems loaded,
            List<Projection> group,
            List<Projection> next,
            Runnable checkStop) {
        return byComponents(recipe)
                ? Components.measure(backend, recipe, loaded, group, next)
                : LossCurves.measure(backend, recipe, grams, loaded, group, next, checkStop);
    }
}
