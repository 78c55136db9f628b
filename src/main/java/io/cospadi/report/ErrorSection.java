package io.cospadi.report;

import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.compression.RunReport.ProjectionResult;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.TreeSet;

/** How far each compressed projection's output is from the dense one's. */
final class ErrorSection implements Section {
    @Override
    public String id() {
        return "error";
    }

    @Override
    public String title() {
        return "Error of the projections";
    }

    @Override
    public void write(Html html, List<LabelledRun> runs) {
        List<ProjectionType> types = types(runs);
        if (types.isEmpty()) {
            return;
        }
        Range range = Range.of(runs);
        Figure.of(
                        "error-types",
                        "By type",
                        "Mean over layers of the relative error ‖(W − Ŵ)x‖² / ‖Wx‖² on the calibration text, of the factors as"
                                + " they are stored. It is a share of the output's energy: 0.01 is one percent.",
                        byType(runs, types))
                .write(html);
        new Figure(
                        "error-layers",
                        "By layer",
                        "The same error, projection by projection, on logarithmic axes with common ends. In the"
                                + " tables, darker is larger, by the same scale for all runs.",
                        byLayer(runs, types, range),
                        runs.stream().map(run -> heat(run, range)).toList(),
                        true)
                .write(html);
    }

    private static List<ProjectionType> types(List<LabelledRun> runs) {
        TreeSet<ProjectionType> types = new TreeSet<>();
        runs.forEach(run -> types.addAll(run.grid().types()));
        return List.copyOf(types);
    }

    private static Plot byType(List<LabelledRun> runs, List<ProjectionType> types) {
        List<Plot.Series> series = new ArrayList<>();
        for (LabelledRun run : runs) {
            LayerGrid grid = run.grid();
            List<Double> means = new ArrayList<>();
            for (ProjectionType type : types) {
                OptionalDouble mean = grid.column(grid.layers(), type, ProjectionResult::relativeError).stream()
                        .filter(Objects::nonNull)
                        .mapToDouble(Double::doubleValue)
                        .average();
                means.add(mean.isPresent() ? (Double) mean.getAsDouble() : null);
            }
            series.add(Plot.Series.of(run.label(), run.colour(), means));
        }
        return Plot.of(
                "error-types-plot",
                "Mean relative error by type",
                Plot.Kind.BARS,
                "projection",
                "relative error",
                Unit.ERROR,
                types.stream().map(LabelledRun::typeName).toList(),
                series);
    }

    private static List<Plot> byLayer(List<LabelledRun> runs, List<ProjectionType> types, Range range) {
        TreeSet<Integer> all = new TreeSet<>();
        runs.forEach(run -> all.addAll(run.grid().layers()));
        List<Integer> layers = List.copyOf(all);
        List<Plot> panels = new ArrayList<>();
        for (ProjectionType type : types) {
            List<Plot.Series> series = new ArrayList<>();
            for (LabelledRun run : runs) {
                series.add(Plot.Series.of(
                        run.label(),
                        run.colour(),
                        run.grid().column(layers, type, ProjectionResult::relativeError).stream()
                                .map(error -> error == null || error <= 0 ? null : error)
                                .toList()));
            }
            panels.add(Plot.of(
                            "error-layers-" + LabelledRun.typeName(type),
                            LabelledRun.typeName(type),
                            Plot.Kind.LINES,
                            "layer",
                            "relative error",
                            Unit.ERROR,
                            layers.stream().map(String::valueOf).toList(),
                            series)
                    .logarithmic(range.axisLeast(), range.axisMost()));
        }
        return panels;
    }

    /** Layers x types, the darker the larger the error. */
    private static Table heat(LabelledRun run, Range range) {
        LayerGrid grid = run.grid();
        List<ProjectionType> types = grid.types();
        List<String> head = new ArrayList<>(List.of("layer"));
        types.forEach(type -> head.add(LabelledRun.typeName(type)));
        List<List<Table.Cell>> rows = new ArrayList<>();
        for (int layer : grid.layers()) {
            List<Table.Cell> row = new ArrayList<>(List.of(Table.Cell.text(String.valueOf(layer))));
            for (ProjectionType type : types) {
                ProjectionResult projection = grid.at(layer, type);
                if (projection == null) {
                    row.add(Table.Cell.number("–"));
                } else if (projection.k() == null) {
                    row.add(Table.Cell.number("dense"));
                } else {
                    row.add(new Table.Cell(
                            Unit.ERROR.format(projection.relativeError()),
                            "number heat heat" + range.shade(projection.relativeError())));
                }
            }
            rows.add(row);
        }
        return new Table(run.label() + ": relative error", head, rows);
    }

    /**
     * The errors on the page. A projection kept dense has none, and no place on a logarithmic axis.
     *
     * @param least of all runs; infinite where there is no error at all
     * @param most  of all runs; 0 where there is none
     */
    private record Range(double least, double most) {
        static Range of(List<LabelledRun> runs) {
            double least = Double.POSITIVE_INFINITY;
            double most = 0;
            for (LabelledRun run : runs) {
                for (ProjectionResult projection : run.report().projections()) {
                    if (projection.relativeError() > 0) {
                        least = Math.min(least, projection.relativeError());
                        most = Math.max(most, projection.relativeError());
                    }
                }
            }
            return new Range(least, most);
        }

        Double axisLeast() {
            return most > 0 ? (Double) (least / 1.25) : null;
        }

        Double axisMost() {
            return most > 0 ? (Double) (most * 1.25) : null;
        }

        /** One of eight, even on a logarithmic scale. */
        int shade(double error) {
            if (!(error > 0) || most <= least) {
                return 0;
            }
            return (int) Math.min(7, Math.floor(8 * Math.log(error / least) / Math.log(most / least)));
        }
    }
}
