package io.cospadi.compression;

import io.cospadi.budget.Allocation;
import io.cospadi.budget.SharingGroup;
import io.cospadi.checkpoint.Projection;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What is factored in one go, so by one share of a divided job: a projection, or all that share its dictionary.
 *
 * @param members at least one
 */
record Task(List<Allocation> members) {
    /** The tasks of a list of projections, in the order of their first members. */
    static List<Task> of(List<Allocation> allocations) {
        Map<String, List<Allocation>> tasks = new LinkedHashMap<>();
        for (Allocation allocation : allocations) {
            String key = allocation
                    .group()
                    .map(SharingGroup::name)
                    .orElse(allocation.projection().name());
            tasks.computeIfAbsent(key, k -> new ArrayList<>()).add(allocation);
        }
        return tasks.values().stream().map(Task::new).toList();
    }

    /** The projections of the first task behind one that is factored at all; none: it was the last. */
    static List<Projection> membersBehind(List<Task> tasks, int index) {
        return tasks.subList(index + 1, tasks.size()).stream()
                .filter(task -> task.k() > 0)
                .findFirst()
                .map(Task::projections)
                .orElse(List.of());
    }

    /** Atoms, or the rank; 0: kept dense. */
    int k() {
        return members.get(0).k();
    }

    /** Codes a row. */
    int s() {
        return members.get(0).s();
    }

    /** The group's name in stored tensors, or null. */
    String group() {
        return members.get(0).group().map(SharingGroup::name).orElse(null);
    }

    /** For messages. */
    String name() {
        return members.get(0)
                .group()
                .map(SharingGroup::name)
                .orElse(members.get(0).projection().name());
    }

    /** The members' projections. */
    List<Projection> projections() {
        return members.stream().map(Allocation::projection).toList();
    }

    /** Counted operations. */
    double flops(Recipe recipe) {
        return members.stream()
                .mapToDouble(member -> Plan.flops(recipe, member))
                .sum();
    }
}
