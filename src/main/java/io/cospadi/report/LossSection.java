package io.cospadi.report;

import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.compression.RunReport.ProjectionResult;
import java.util.ArrayList;
import java.util.List;

/** What the budget foresaw: by how much each projection raises the loss at the ratio that it was given. */
final class LossSection implements Section {
    @Override
    public String id() {
        return "loss";
    }

    @Override
    public String title() {
        return "Predicted loss";
    }

    @Override
    public void write(Html html, List<LabelledRun> runs) {
        List<LabelledRun> foreseen = runs.stream()
                .filter(run -> run.report().predictedLoss().isPresent()
                        && !run.grid().types().isEmpty())
                .toList();
        if (foreseen.isEmpty()) {
            return;
        }
        new Figure(
                        "predicted",
                        "Rise of the loss over layers",
                        "The rise of the loss, in nats a token, that the budget foresaw for each projection at the ratio it"
                                + " gave it, from the gradients on the calibration text; the budget makes their sum least."
                                + " On other text the loss rises by more: the factors know the calibration text.",
                        foreseen.stream().map(LossSection::layers).toList(),
                        foreseen.stream().map(LossSection::ratios).toList(),
                        false)
                .write(html);
    }

    private static Plot layers(LabelledRun run) {
        LayerGrid grid = run.grid();
        List<Integer> layers = grid.layers();
        List<Plot.Series> series = new ArrayList<>();
        for (ProjectionType type : grid.types()) {
            series.add(Plot.Series.of(
                    LabelledRun.typeName(type),
                    "type" + type.ordinal(),
                    grid.column(layers, type, p -> p.predictedLoss() == null ? 0 : p.predictedLoss())));
        }
        return Plot.of(
                "predicted-" + run.index(),
                run.label() + ": "
                        + Unit.ERROR.format(run.report().predictedLoss().getAsDouble()) + " in all",
                Plot.Kind.COLUMNS,
                "layer",
                "nats a token",
                Unit.ERROR,
                layers.stream().map(String::valueOf).toList(),
                series);
    }

    private static Table ratios(LabelledRun run) {
        LayerGrid grid = run.grid();
        List<String> head = new ArrayList<>(List.of("layer"));
        grid.types().forEach(type -> head.add(LabelledRun.typeName(type)));
        List<List<Table.Cell>> rows = new ArrayList<>();
        for (int layer : grid.layers()) {
            List<Table.Cell> row = new ArrayList<>(List.of(Table.Cell.text(String.valueOf(layer))));
            for (ProjectionType type : grid.types()) {
                row.add(Table.Cell.number(cell(grid.at(layer, type))));
            }
            rows.add(row);
        }
        return new Table(run.label() + ": ratio and predicted rise of the loss", head, rows);
    }

    private static String cell(ProjectionResult projection) {
        if (projection == null || projection.predictedLoss() == null) {
            return "–";
        }
        return projection.k() == null
                ? "dense"
                : Unit.SHARE.format(projection.ratio()) + ", " + Unit.ERROR.format(projection.predictedLoss());
    }
}
