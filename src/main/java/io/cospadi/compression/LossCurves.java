package io.cospadi.compression;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.budget.Allocation;
import io.cospadi.budget.Budget;
import io.cospadi.budget.LossCurve;
import io.cospadi.budget.Storage;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.FactorShape;
import io.cospadi.factorization.RoundListener;
import io.cospadi.factorization.TrialFit;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The predicted rise of the loss of each projection, or group that shares a dictionary, against its ratio, by a {@link TrialFit}
 * at a few ratios. What is found is kept in the work folder ({@code curves.json}) after each of them, so a job that is stopped
 * goes on from there.
 */
final class LossCurves {
    /**
     * Where curves are measured: below, between and above the ratios that most projections end at, with factors in the
     * default's bits; factors of the same sizes in fewer bits save more.
     */
    private static final double[] RATIOS = {0.1, 0.25, 0.45};

    private static final String FILE = "curves.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final ObjectNode found;

    LossCurves(WorkFolder work) {
        file = work.folder().resolve(FILE);
        found = read(file);
    }

    private static ObjectNode read(Path file) {
        try {
            return Files.exists(file) && JSON.readTree(Files.readAllBytes(file)) instanceof ObjectNode object
                    ? object
                    : JSON.createObjectNode();
        } catch (IOException e) {
            throw new CospadiException(
                    file + " can't be read (" + e.getMessage() + "); remove it and run the same command again", e);
        }
    }

    /** Operations of the trials of all groups. */
    static double flops(Recipe recipe, List<List<Projection>> groups) {
        return groups.stream().mapToDouble(group -> groupFlops(recipe, group)).sum();
    }

    /** Operations of the trials of a group. */
    static double groupFlops(Recipe recipe, List<Projection> group) {
        double flops = 0;
        for (double ratio : RATIOS) {
            flops += Plan.flops(
                    recipe.withRounds(TrialFit.ROUNDS),
                    Budget.together(group, ratio, Storage.of(recipe.method(), recipe.groups())));
        }
        return flops;
    }

    /** Whether a group's curve is known. */
    boolean has(List<Projection> group) {
        return found.has(SharingGroups.name(group));
    }

    /** Keeps what {@link #measure} found. */
    void put(List<Projection> group, JsonNode curve) {
        found.set(SharingGroups.name(group), curve);
        AtomicFile.write(file, (found.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /**
     * The curves of groups that are all known.
     *
     * @return in the order given
     */
    Map<List<Projection>, LossCurve> of(List<List<Projection>> groups) {
        Map<List<Projection>, LossCurve> curves = new LinkedHashMap<>();
        groups.forEach(group -> curves.put(group, curve(found.path(SharingGroups.name(group)))));
        return curves;
    }

    private static LossCurve curve(JsonNode known) {
        double[] ratios = JSON.convertValue(known.path("ratios"), double[].class);
        double[] losses = JSON.convertValue(known.path("losses"), double[].class);
        return ratios.length < 2 ? LossCurve.never() : new LossCurve(ratios, losses);
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
        ObjectNode entry = JSON.createObjectNode();
        entry.set("ratios", JSON.valueToTree(ratios));
        entry.set("losses", JSON.valueToTree(losses));
        return entry;
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
