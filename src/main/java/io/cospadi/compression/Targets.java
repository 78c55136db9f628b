package io.cospadi.compression;

import io.cospadi.budget.Allocation;
import io.cospadi.budget.Budget;
import io.cospadi.budget.SharingGroup;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.Method;
import io.cospadi.format.CompactModule;
import io.cospadi.tensor.CospadiException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/** Which projections a recipe compresses, and to what size. */
final class Targets {
    private Targets() {}

    /**
     * The projections that the recipe targets, in the model's order.
     *
     * @throws CospadiException if a pattern matches none, or nothing is left
     */
    static List<Projection> of(Recipe recipe, ModelConfig config) {
        List<Projection> all = config.projections();
        List<String> names = all.stream().map(Projection::name).toList();
        recipe.include().forEach(pattern -> pattern.requireMatch("--include", names));
        recipe.exclude().forEach(pattern -> pattern.requireMatch("--exclude", names));
        recipe.overrides().forEach(override -> override.pattern().requireMatch("an override's pattern", names));
        List<Projection> targeted =
                all.stream().filter(p -> recipe.targets(p.name())).toList();
        if (targeted.isEmpty()) {
            throw new CospadiException(
                    "--include and --exclude leave none of the model's " + all.size() + " projections; exclude fewer");
        }
        return targeted;
    }

    /**
     * Sizes under the uniform budget: each projection, or group that shares a dictionary, meets its ratio, which is the
     * recipe's or an override's.
     *
     * @return in the order of {@code targeted}
     * @throws CospadiException if a projection is too small to be factored at its ratio
     */
    static List<Allocation> uniform(Recipe recipe, List<Projection> targeted) {
        Map<Projection, Double> ratios = ratios(recipe, targeted);
        List<Allocation> sized = new ArrayList<>();
        for (List<Projection> group : SharingGroups.of(recipe.sharing(), ratios)) {
            sized.addAll(Budget.together(group, ratios.get(group.get(0)), recipe.storage()));
        }
        for (Projection projection : targeted) {
            if (!ratios.containsKey(projection)) {
                sized.add(new Allocation(projection, 0, 0, Allocation.denseBytes(projection)));
            }
        }
        return inOrder(sized, targeted);
    }

    /** The largest sizes that other budgets than the uniform one may end at, short of dense; in no certain order. */
    static List<Allocation> largest(Recipe recipe, List<Projection> targeted) {
        return groups(recipe, targeted).stream()
                .flatMap(group -> Budget.largest(group, recipe.storage()).stream())
                .toList();
    }

    /** The projections that are sized and factored together: those that share a dictionary, and each other one alone. */
    static List<List<Projection>> groups(Recipe recipe, List<Projection> targeted) {
        return SharingGroups.of(recipe.sharing(), ratios(recipe, targeted));
    }

    /** Allocations in the order of {@code targeted}. */
    static List<Allocation> inOrder(List<Allocation> allocations, List<Projection> targeted) {
        Map<Projection, Allocation> byProjection = new HashMap<>();
        allocations.forEach(allocation -> byProjection.put(allocation.projection(), allocation));
        return targeted.stream().map(byProjection::get).toList();
    }

    /** The recipe's or an override's ratio of each projection that doesn't have to stay dense. */
    private static Map<Projection, Double> ratios(Recipe recipe, List<Projection> targeted) {
        Map<Projection, Double> ratios = new LinkedHashMap<>();
        for (Projection projection : targeted) {
            Optional<ProjectionOverride> override = overrideOf(recipe, projection);
            if (override.isEmpty() || !override.get().dense()) {
                ratios.put(
                        projection,
                        override.isPresent() ? override.get().ratio().getAsDouble() : recipe.ratio());
            }
        }
        return ratios;
    }

    /** The last override that matches. */
    static Optional<ProjectionOverride> overrideOf(Recipe recipe, Projection projection) {
        ProjectionOverride last = null;
        for (ProjectionOverride override : recipe.overrides()) {
            if (override.pattern().matches(projection.name())) {
                last = override;
            }
        }
        return Optional.ofNullable(last);
    }

    /** Each targeted projection's stored shape, empty where it stays dense: what the format lays out. */
    static SortedMap<String, Optional<CompactModule>> modules(List<Allocation> allocations, Method method) {
        SortedMap<String, Optional<CompactModule>> modules = new TreeMap<>();
        for (Allocation allocation : allocations) {
            modules.put(allocation.projection().name(), module(allocation, method));
        }
        return modules;
    }

    private static Optional<CompactModule> module(Allocation allocation, Method method) {
        Projection p = allocation.projection();
        if (allocation.isDense()) {
            return Optional.empty();
        }
        String group = allocation.group().map(SharingGroup::name).orElse(null);
        if (method.rounds()) {
            return Optional.of(new CompactModule.Rounded(p.d1(), p.d2(), allocation.k()));
        }
        return Optional.of(
                allocation.s() == 0
                        ? new CompactModule.LowRank(p.d1(), p.d2(), allocation.k(), group)
                        : new CompactModule.Sparse(p.d1(), p.d2(), allocation.k(), allocation.s(), group));
    }
}
