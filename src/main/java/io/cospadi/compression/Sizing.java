package io.cospadi.compression;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.budget.Allocation;
import io.cospadi.budget.Budget;
import io.cospadi.budget.SharingGroup;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.Projection;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The sizes of all targeted projections under the recipe's budget. Uniform ones follow from shapes; the others need {@link Weighing}
 * of each projection, so they are kept in the work folder ({@code budget.json}) once they are known.
 */
final class Sizing {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String FILE = "budget.json";

    private Sizing() {}

    /** Whether the sizes depend on weights and text, rather than on shapes alone. */
    static boolean needsGrams(Recipe recipe) {
        return recipe.budget() != BudgetChoice.UNIFORM;
    }

    /** Announces what finding the sizes still takes. */
    static void announce(JobSession session, Recipe recipe, List<Projection> targeted, WorkFolder work) {
        if (needsGrams(recipe) && !Files.exists(work.folder().resolve(FILE))) {
            session.meter().expect(WorkMeter.Kind.BUDGET, flops(recipe, targeted));
        }
    }

    /** Operations that finding the sizes takes. */
    static double flops(Recipe recipe, List<Projection> targeted) {
        if (!needsGrams(recipe)) {
            return 0;
        }
        return Weighing.groups(recipe, targeted).stream()
                .mapToDouble(group -> Weighing.flops(recipe, group))
                .sum();
    }

    /**
     * The sizes, in the order of {@code targeted}.
     *
     * @param stages that find out what they depend on
     */
    static List<Allocation> of(
            Stages stages, Recipe recipe, List<Projection> targeted, GramStore grams, WorkFolder work) {
        if (!needsGrams(recipe)) {
            return Targets.uniform(recipe, targeted);
        }
        Path file = work.folder().resolve(FILE);
        if (Files.exists(file)) {
            return read(file, recipe, targeted);
        }
        Weighed weighed = new Weighed(work);
        List<List<Projection>> groups = Weighing.groups(recipe, targeted);
        stages.weigh(weighed, groups, grams);
        Budget.Limits limits = Budget.Limits.of(recipe.ratio());
        List<Allocation> allocations;
        if (recipe.budget() == BudgetChoice.POOLED) {
            allocations = Budget.pooled(
                    targeted, recipe.ratio(), recipe.storage(), limits, Components.of(weighed, groups)::get);
        } else if (OutputLoss.needsWeightGradients(recipe)) {
            allocations = Budget.zeroSum(Components.of(weighed, groups), recipe.ratio(), limits);
        } else {
            allocations = Targets.inOrder(
                    Budget.leastLoss(LossCurves.of(weighed, groups), recipe.ratio(), recipe.storage(), limits),
                    targeted);
        }
        write(file, allocations);
        return allocations;
    }

    /**
     * The sizes that all shares of a job use: they follow from shapes, or were found once, by {@link DividedJob#budget}.
     *
     * @param work folder that keeps them, where they were found
     * @throws CospadiException if that was not done yet, or for another job
     */
    static List<Allocation> settled(Recipe recipe, List<Projection> targeted, Path work, Fingerprint fingerprint) {
        if (!needsGrams(recipe)) {
            return Targets.uniform(recipe, targeted);
        }
        Path file = work.resolve(FILE);
        Optional<Fingerprint> found = Fingerprint.read(work.resolve(WorkFolder.FINGERPRINT));
        if (found.isEmpty() || !Files.exists(file)) {
            throw new CospadiException(
                    file + " does not exist: under --budget " + recipe.budget().option()
                            + " all shares use sizes that are found once; run the command budget with the same options first");
        }
        fingerprint.firstDifference(found.get()).ifPresent(d -> {
            throw new CospadiException(file + " is of another job: its " + d.field() + " is " + d.there()
                    + ", here it is " + d.here() + "; remove " + work + " and run the command budget again");
        });
        return read(file, recipe, targeted);
    }

    /** The sizes that a job has found and keeps in its work folder, or that follow from shapes. */
    static List<Allocation> known(Recipe recipe, List<Projection> targeted, Path work) {
        return needsGrams(recipe) ? read(work.resolve(FILE), recipe, targeted) : Targets.uniform(recipe, targeted);
    }

    /** Keeps the sizes that a share uses beside its parts, for the merge. */
    static void keep(Recipe recipe, List<Allocation> allocations, WorkFolder work) {
        if (needsGrams(recipe)) {
            write(work.folder().resolve(FILE), allocations);
        }
    }

    private static void write(Path file, List<Allocation> allocations) {
        ArrayNode list = JsonNodeFactory.instance.arrayNode();
        for (Allocation allocation : allocations) {
            ObjectNode entry = list.addObject();
            entry.put("projection", allocation.projection().name());
            entry.put("k", allocation.k()).put("s", allocation.s()).put("bytes", allocation.bytes());
            allocation.predictedLoss().ifPresent(loss -> entry.put("predicted_loss", loss));
        }
        AtomicFile.write(file, (list.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private static List<Allocation> read(Path file, Recipe recipe, List<Projection> targeted) {
        Map<Projection, SharingGroup> groups = new HashMap<>();
        Targets.groups(recipe, targeted).stream()
                .filter(group -> group.size() > 1)
                .forEach(group -> group.forEach(member -> groups.put(member, SharingGroup.of(group))));
        try {
            JsonNode list = JSON.readTree(Files.readAllBytes(file));
            List<Allocation> allocations = new ArrayList<>();
            for (int i = 0; i < targeted.size(); i++) {
                JsonNode entry = list.path(i);
                if (!entry.path("projection").asText().equals(targeted.get(i).name())) {
                    throw new CospadiException(file + " lists " + entry + " where "
                            + targeted.get(i).name() + " belongs; remove the file and run the same command again");
                }
                int k = entry.path("k").asInt();
                JsonNode loss = entry.path("predicted_loss");
                allocations.add(new Allocation(
                        targeted.get(i),
                        k,
                        entry.path("s").asInt(),
                        entry.path("bytes").asLong(),
                        k == 0 ? Optional.empty() : Optional.ofNullable(groups.get(targeted.get(i))),
                        loss.isNumber() ? OptionalDouble.of(loss.asDouble()) : OptionalDouble.empty()));
            }
            return allocations;
        } catch (IOException | IllegalArgumentException e) {
            throw new CospadiException(
                    file + " can't be read (" + e.getMessage() + "); remove it and run the same command again", e);
        }
    }
}
