package io.cospadi.compression;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.backend.Backend;
import io.cospadi.budget.Allocation;
import io.cospadi.budget.Budget;
import io.cospadi.budget.LossCurve;
import io.cospadi.budget.Storage;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.FactorShape;
import io.cospadi.factorization.RoundListener;
import io.cospadi.factorization.TrialFit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The predicted rise of the loss of each projection, or group that shares a dictionary, against its ratio, by a {@link TrialFit}
 * at a few ratios.
 */
final class LossCurves {
    /**
     * Where curves are measured: below, between and above the ratios that most projections end at, with factors in the
     * default's bits; factors of the same sizes in fewer bits save more.
     */
    private static final double[] RATIOS = {0.1, 0.25, 0.45};

    private static final ObjectMapper JSON = new ObjectMapper();

    private LossCurves() {}

    /** Operations of the trials of a group. */
    static double flops(Recipe recipe, List<Projection> group) {
        double flops = 0;
        for (double ratio : RATIOS) {
            flops += Plan.flops(
                    recipe.withRounds(TrialFit.ROUNDS),
                    Budget.together(group, ratio, Storage.of(recipe.method(), recipe.groups())));
        }
        return flops;
    }

    /** Those of all groups, in the order given. */
    static Map<List<Projection>, LossCurve> of(Weighed weighed, List<List<Projection>> groups) {
        Map<List<Projection>, LossCurve> curves = new LinkedHashMap<>();
        groups.forEach(
                group -> curves.put(group, weighed.get(group, Points.class).curve()));
        return curves;
    }

    /** A curve as it is kept. */
    private record Points(double[] ratios, double[] losses) {
        LossCurve curve() {
            return ratios.length < 2 ? LossCurve.never() : new LossCurve(ratios, losses);
        }
    }

    /**
     * A group's curve, as it is kept.
     *
     * @param group     what is sized together, see {@link Targets#groups}
     * @param loaded    where its weights and Grams are loaded from
     * @param next      the group that is measured behind, as far as that is known
     * @param checkStop called often; throws to end the work
     */
    static JsonNode measure(
            Backend backend,
            Recipe recipe,
            GramStore grams,
            LoadedProblems loaded,
            List<Projection> group,
            List<Projection> next,
            Runnable checkStop) {
        List<Double> ratios = new ArrayList<>();
        List<Allocation> sizes = new ArrayList<>();
        for (double ratio : RATIOS) {
            List<Allocation> together = Budget.together(group, ratio, Storage.of(recipe.method(), recipe.groups()));
            double own = saved(recipe, together);
            // too small for this ratio, or for a step to another size
            if (!together.get(0).isDense() && !ratios.contains(own)) {
                ratios.add(own);
                sizes.add(together.get(0));
            }
        }
        List<Double> losses = new ArrayList<>();
        try (TrialFit trials =
                new TrialFit(backend, loaded.of(group, next), recipe.sharing().objective(), recipe.solverSettings())) {
            for (int i = 0; i < sizes.size(); i++) {
                Allocation size = sizes.get(i);
                RoundListener listener = i == sizes.size() - 1
                        ? RoundListener.whenQueued(() -> loaded.loadNext(Plan.factorizationBytes(recipe, size)))
                        : RoundListener.NONE;
                losses.add(rise(recipe, grams, group, trials.lost(size.k(), size.s(), listener)));
                checkStop.run();
            }
        }
        return JSON.valueToTree(new Points(numbers(ratios), numbers(losses)));
    }

    private static double[] numbers(List<Double> list) {
        return list.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** Share that sizes save in the recipe's bits. */
    private static double saved(Recipe recipe, List<Allocation> sizes) {
        Allocation size = sizes.get(0);
        if (size.isDense() || !recipe.method().sparse()) {
            return Budget.ratio(sizes);
        }
        return new FactorShape(size.projection().d1(), size.sharingOutputs(), size.k(), size.s())
                .compressionRatio(recipe.precision());
    }

    /** @param lost energies of the members, one after the other */
    private static double rise(Recipe recipe, GramStore grams, List<Projection> group, TrialFit.Lost lost) {
        if (recipe.objective() == Objective.LOSS) {
            return OutputLoss.rise(grams, lost.objective());
        }
        double rise = 0;
        int from = 0;
        for (Projection member : group) {
            rise += OutputLoss.rise(
                    recipe, grams, member, Arrays.copyOfRange(lost.energies(), from, from + member.d2()));
            from += member.d2();
        }
        return rise;
    }
}
