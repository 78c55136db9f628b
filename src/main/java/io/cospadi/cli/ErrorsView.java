package io.cospadi.cli;

import io.cospadi.evaluation.ProjectionErrors;
import io.cospadi.evaluation.ProjectionErrors.Entry;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Errors of projections under several Gram stores as a table: the mean of each type, or one by one where there are few. */
final class ErrorsView {
    /** Two layers' projections: what still fits a screen. */
    private static final int FEW = 14;

    private ErrorsView() {}

    static String text(List<ProjectionErrors> stores) {
        List<String> names =
                stores.get(0).projections().stream().map(Entry::name).toList();
        if (names.isEmpty()) {
            return "no projection differs from the reference's" + System.lineSeparator();
        }
        Map<String, List<Integer>> rows = rows(names);
        List<String> head = new ArrayList<>(List.of("relative error", "projections"));
        head.addAll(labels(stores));
        TextTable table = new TextTable(head.toArray(String[]::new));
        rows.forEach((label, members) -> {
            List<String> cells = new ArrayList<>(List.of(label, String.valueOf(members.size())));
            for (ProjectionErrors store : stores) {
                double mean = members.stream()
                        .mapToDouble(i -> store.projections().get(i).relativeError())
                        .average()
                        .orElseThrow();
                cells.add(String.format(Locale.ROOT, "%.3g", mean));
            }
            table.row(cells.toArray(String[]::new));
        });
        return table.toString();
    }

    /** Names of the folders, whole paths where two have the same. */
    private static List<String> labels(List<ProjectionErrors> stores) {
        List<String> names = stores.stream()
                .map(store ->
                        Path.of(store.stats()).toAbsolutePath().normalize().getFileName())
                .map(String::valueOf)
                .toList();
        boolean clash = Set.copyOf(names).size() < names.size();
        return clash ? stores.stream().map(ProjectionErrors::stats).toList() : names;
    }

    /** Positions of the projections behind each row's label. */
    private static Map<String, List<Integer>> rows(List<String> names) {
        Map<String, List<Integer>> rows = new LinkedHashMap<>();
        for (int i = 0; i < names.size(); i++) {
            String name = names.get(i);
            String label = names.size() <= FEW
                    ? name.replace("model.layers.", "")
                    : "mean of " + name.substring(name.lastIndexOf('.') + 1);
            rows.computeIfAbsent(label, key -> new ArrayList<>()).add(i);
        }
        return rows;
    }
}
