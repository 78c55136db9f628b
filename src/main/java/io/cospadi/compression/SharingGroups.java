package io.cospadi.compression;

import io.cospadi.budget.SharingGroup;
import io.cospadi.checkpoint.Projection;
import io.cospadi.tensor.CospadiException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Divides a recipe's targeted projections into those that share a dictionary; one that shares none is alone. */
final class SharingGroups {
    private SharingGroups() {}

    /**
     * All groups, in the order of their first members; members in the model's order. Members have one type, so one shape, and
     * one ratio; projections that stay dense are left out.
     *
     * @param ratios of each projection that is factored, in the model's order
     * @throws CospadiException if a listed group is none
     */
    static List<List<Projection>> of(Sharing sharing, Map<Projection, Double> ratios) {
        Map<List<Object>, List<Projection>> groups = new LinkedHashMap<>();
        List<List<Projection>> listed =
                sharing.groups().stream().map(group -> listed(group, ratios)).toList();
        ratios.forEach((projection, ratio) -> {
            List<Integer> owners = new ArrayList<>();
            for (int i = 0; i < listed.size(); i++) {
                if (listed.get(i).contains(projection)) {
                    owners.add(i);
                }
            }
            if (owners.size() > 1) {
                throw new CospadiException(projection.name() + " is in two of share-groups, "
                        + text(sharing.groups().get(owners.get(0))) + " and "
                        + text(sharing.groups().get(owners.get(1))) + "; list it once");
            }
            List<Object> key = List.of(projection);
            if (!owners.isEmpty()) {
                key = List.of("listed", owners.get(0));
            } else if (sharing.applies(projection.name())) {
                key = List.of(projection.type(), projection.layer() / sharing.layers(), ratio);
            }
            groups.computeIfAbsent(key, k -> new ArrayList<>()).add(projection);
        });
        return List.copyOf(groups.values());
    }

    private static List<Projection> listed(List<NamePattern> patterns, Map<Projection, Double> ratios) {
        List<String> names = ratios.keySet().stream().map(Projection::name).toList();
        patterns.forEach(pattern -> pattern.requireMatch("a pattern of share-groups", names));
        List<Projection> members = ratios.keySet().stream()
                .filter(p -> patterns.stream().anyMatch(pattern -> pattern.matches(p.name())))
                .toList();
        long kinds = members.stream()
                .map(p -> List.of(p.type(), ratios.get(p)))
                .distinct()
                .count();
        if (members.size() < 2 || kinds > 1) {
            throw new CospadiException("share-groups lists " + text(patterns) + ", which matches "
                    + (members.size() < 2 ? "only " : "")
                    + String.join(", ", members.stream().map(Projection::name).toList())
                    + "; a group is two or more targeted projections of one type and one ratio");
        }
        return members;
    }

    private static String text(List<NamePattern> patterns) {
        return "[" + String.join(", ", patterns.stream().map(NamePattern::text).toList()) + "]";
    }

    /** Of a projection alone, its own name. */
    static String name(List<Projection> group) {
        return group.size() == 1 ? group.get(0).name() : SharingGroup.of(group).name();
    }
}
