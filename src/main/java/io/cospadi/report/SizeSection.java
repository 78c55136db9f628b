package io.cospadi.report;

import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.compression.RunReport.ByteShare;
import io.cospadi.compression.RunReport.ProjectionResult;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;

/** Where the bytes went: by kind of tensor, and over the layers. */
final class SizeSection implements Section {
    /** The dense model's bar has its projections under this name. */
    private static final String DENSE_PROJECTIONS = "dense projections";

    /** In the order of the bar; each has its colour by its place. */
    private static final List<String> KINDS = List.of(
            DENSE_PROJECTIONS,
            ByteShare.DICTIONARIES,
            ByteShare.VALUES,
            ByteShare.MASKS,
            ByteShare.LOW_RANK,
            ByteShare.ROUNDED,
            ByteShare.KEPT_DENSE,
            ByteShare.PROJECTIONS,
            ByteShare.EMBEDDINGS,
            ByteShare.UNTOUCHED,
            ByteShare.HEADERS);

    @Override
    public String id() {
        return "bytes";
    }

    @Override
    public String title() {
        return "Bytes";
    }

    @Override
    public void write(Html html, List<LabelledRun> runs) {
        Figure.of(
                        "kinds",
                        "Where the bytes went",
                        "Bytes of the model's safetensors files by what they hold; the dense bar counts the base model at 16"
                                + " bits. What is not compressed weighs more the smaller the model is.",
                        kinds(runs))
                .write(html);
        List<LabelledRun> layered =
                runs.stream().filter(run -> !run.grid().types().isEmpty()).toList();
        if (!layered.isEmpty()) {
            new Figure(
                            "budget",
                            "Budget over layers",
                            "Bytes that each layer's projections may take, padding included; the line is what they took"
                                    + " dense. A uniform budget gives every layer the same.",
                            layered.stream().map(SizeSection::layers).toList(),
                            layered.stream().map(SizeSection::shapes).toList(),
                            false)
                    .write(html);
        }
    }

    private static Plot kinds(List<LabelledRun> runs) {
        Scores models = new Scores(runs);
        LinkedHashSet<String> kinds = new LinkedHashSet<>(KINDS);
        runs.forEach(run -> run.report().bytes().forEach(share -> kinds.add(share.kind())));
        List<String> bars = new ArrayList<>();
        models.models().forEach(model -> bars.add(models.denseLabel(model)));
        runs.forEach(run -> bars.add(run.label()));
        List<Plot.Series> series = new ArrayList<>();
        int place = 0;
        for (String kind : kinds) {
            List<Double> values = new ArrayList<>();
            for (String model : models.models()) {
                LabelledRun any = runs.stream()
                        .filter(run -> run.report().run().model().equals(model))
                        .findFirst()
                        .orElseThrow();
                values.add(
                        kind.equals(DENSE_PROJECTIONS)
                                ? (Double) (double) any.denseProjectionBytes()
                                : sum(any, kind, true));
            }
            runs.forEach(run -> values.add(sum(run, kind, false)));
            if (values.stream().anyMatch(value -> value > 0)) {
                series.add(Plot.Series.of(kind, "kind" + place, values));
            }
            place = Math.min(place + 1, KINDS.size() - 1);
        }
        return Plot.of(
                "kinds-plot", "Bytes by kind of tensor", Plot.Kind.STACK, "model", "bytes", Unit.BYTES, bars, series);
    }

    private static Double sum(LabelledRun run, String kind, boolean dense) {
        return (double) run.report().bytes().stream()
                .filter(share -> share.kind().equals(kind))
                .mapToLong(share -> dense ? share.denseBytes() : share.bytes())
                .sum();
    }

    private static Plot layers(LabelledRun run) {
        LayerGrid grid = run.grid();
        List<Integer> layers = grid.layers();
        List<Plot.Series> series = new ArrayList<>();
        for (ProjectionType type : grid.types()) {
            series.add(Plot.Series.of(
                    LabelledRun.typeName(type),
                    "type" + type.ordinal(),
                    grid.column(layers, type, ProjectionResult::bytes)));
        }
        List<Double> dense = new ArrayList<>();
        for (int layer : layers) {
            dense.add(grid.types().stream()
                    .map(type -> grid.at(layer, type))
                    .mapToDouble(projection -> projection == null ? 0 : projection.denseBytes())
                    .sum());
        }
        series.add(Plot.Series.of("dense", "outline", dense));
        return Plot.of(
                "budget-" + run.index(),
                run.label(),
                Plot.Kind.COLUMNS,
                "layer",
                "bytes",
                Unit.BYTES,
                layers.stream().map(String::valueOf).toList(),
                series);
    }

    private static Table shapes(LabelledRun run) {
        LayerGrid grid = run.grid();
        List<String> head = new ArrayList<>(List.of("layer"));
        grid.types().forEach(type -> head.add(LabelledRun.typeName(type)));
        List<List<Table.Cell>> rows = new ArrayList<>();
        for (int layer : grid.layers()) {
            List<Table.Cell> row = new ArrayList<>(List.of(Table.Cell.text(String.valueOf(layer))));
            for (ProjectionType type : grid.types()) {
                row.add(Table.Cell.number(shape(grid.at(layer, type))));
            }
            rows.add(row);
        }
        return new Table(run.label() + ": atoms / nonzeros, rank or bits, and bytes", head, rows);
    }

    private static String shape(ProjectionResult projection) {
        if (projection == null) {
            return "–";
        }
        String size = ", " + Unit.BYTES.format(projection.bytes());
        if (projection.k() == null) {
            return "dense" + size;
        }
        boolean withoutCodes = projection.s() == null || projection.s() == 0;
        return projection.k() + (withoutCodes ? "" : " / " + projection.s()) + size;
    }
}
