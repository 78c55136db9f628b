package io.cospadi.report;

import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.compression.RunReport.ProjectionResult;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The projections of a run laid out as layers x types. */
final class LayerGrid {
    private static final Pattern NAME = Pattern.compile(".*layers\\.(\\d{1,6})\\.(.+)");

    private final TreeMap<Integer, Map<ProjectionType, ProjectionResult>> byLayer = new TreeMap<>();

    LayerGrid(List<ProjectionResult> projections) {
        for (ProjectionResult projection : projections) {
            Matcher name = NAME.matcher(projection.name());
            if (!name.matches()) {
                continue;
            }
            for (ProjectionType type : ProjectionType.values()) {
                if (type.hfName().equals(name.group(2))) {
                    byLayer.computeIfAbsent(
                                    Integer.parseInt(name.group(1)), layer -> new EnumMap<>(ProjectionType.class))
                            .put(type, projection);
                }
            }
        }
    }

    /** Layers with a targeted projection, ascending. */
    List<Integer> layers() {
        return List.copyOf(byLayer.keySet());
    }

    /** Types that occur, in the order in which a layer uses them. */
    List<ProjectionType> types() {
        List<ProjectionType> types = new ArrayList<>();
        for (ProjectionType type : ProjectionType.values()) {
            if (byLayer.values().stream().anyMatch(row -> row.containsKey(type))) {
                types.add(type);
            }
        }
        return types;
    }

    /** Null where that projection was not targeted. */
    ProjectionResult at(int layer, ProjectionType type) {
        return byLayer.getOrDefault(layer, Map.of()).get(type);
    }

    /** A figure of one type for each of the given layers, null where there is none. */
    List<Double> column(List<Integer> layers, ProjectionType type, ToDoubleFunction<ProjectionResult> figure) {
        List<Double> column = new ArrayList<>();
        for (int layer : layers) {
            ProjectionResult projection = at(layer, type);
            column.add(projection == null ? null : (Double) figure.applyAsDouble(projection));
        }
        return column;
    }
}
