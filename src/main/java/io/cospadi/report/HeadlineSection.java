package io.cospadi.report;

import io.cospadi.compression.RunReport;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** What it all came to: the figures that matter, large for one run, in one table for all. */
final class HeadlineSection implements Section {
    @Override
    public String id() {
        return "result";
    }

    @Override
    public String title() {
        return "Result";
    }

    @Override
    public void write(Html html, List<LabelledRun> runs) {
        if (runs.size() == 1) {
            tiles(html, runs.get(0), new Scores(runs));
        }
        table(runs).write(html, "headline");
    }

    private static void tiles(Html html, LabelledRun run, Scores scores) {
        RunReport report = run.report();
        html.open("div", "class", "tiles");
        tile(
                html,
                Unit.SHARE.format(report.ratio().projections()),
                "of the projections' bytes saved",
                "asked for " + Unit.SHARE.format(report.ratio().target()));
        tile(
                html,
                Unit.BYTES.format(run.fileBytes()),
                "in the model's files",
                "dense at 16 bits: " + Unit.BYTES.format(run.denseFileBytes()));
        scores.first("token").ifPresent(measure -> {
            Double dense = scores.ofDense(report.run().model(), measure);
            tile(
                    html,
                    Unit.PERPLEXITY.formatOrDash(scores.of(run, measure)),
                    "token perplexity, windows of " + measure.window(),
                    "dense: " + Unit.PERPLEXITY.formatOrDash(dense));
        });
        tile(
                html,
                Unit.SECONDS.format(report.seconds()),
                "to compress",
                report.run().threads()
                        + (report.run().threads() == 1 ? " thread, " : " threads, ")
                        + report.run().backend());
        html.close("div");
    }

    private static void tile(Html html, String figure, String what, String compared) {
        html.open("div", "class", "tile")
                .element("strong", figure)
                .element("span", what)
                .element("small", compared)
                .close("div");
    }

    private static Table table(List<LabelledRun> runs) {
        Scores scores = new Scores(runs);
        List<Scores.Measure> measures = scores.measures();
        List<String> head = new ArrayList<>(List.of("Model"));
        measures.forEach(measure -> head.add(column(measure, measures)));
        head.addAll(List.of("Saved", "File saved", "File", "Target", "Time"));
        List<List<Table.Cell>> rows = new ArrayList<>();
        for (String model : scores.models()) {
            LabelledRun any = runs.stream()
                    .filter(run -> run.report().run().model().equals(model))
                    .findFirst()
                    .orElseThrow();
            rows.add(row(
                    scores.denseLabel(model),
                    "dense",
                    measures,
                    measure -> scores.ofDense(model, measure),
                    List.of("–", "–", Unit.BYTES.format(any.denseFileBytes()), "–", "–")));
        }
        for (LabelledRun run : runs) {
            RunReport report = run.report();
            rows.add(row(
                    run.label(),
                    run.colour(),
                    measures,
                    measure -> scores.of(run, measure),
                    List.of(
                            Unit.SHARE.format(report.ratio().projections()),
                            Unit.SHARE.format(report.ratio().file()),
                            Unit.BYTES.format(run.fileBytes()),
                            Unit.SHARE.format(report.ratio().target()),
                            Unit.SECONDS.format(report.seconds()))));
        }
        return new Table("Saved: of the targeted projections' bytes; file saved: of the whole model's.", head, rows);
    }

    private static List<Table.Cell> row(
            String label,
            String colour,
            List<Scores.Measure> measures,
            Function<Scores.Measure, Double> value,
            List<String> figures) {
        List<Table.Cell> row = new ArrayList<>(List.of(new Table.Cell(label, "key " + colour)));
        measures.forEach(measure -> row.add(Table.Cell.number(measure.unit().formatOrDash(value.apply(measure)))));
        figures.forEach(figure -> row.add(Table.Cell.number(figure)));
        return row;
    }

    /** Short, with the text and the window only where several differ in them. */
    private static String column(Scores.Measure measure, List<Scores.Measure> all) {
        String name =
                switch (measure.kind()) {
                    case "token" -> "Token ppl";
                    case "word" -> "Word ppl";
                    case "kl" -> "KL, nats";
                    case "top1_agreement" -> "Same top-1";
                    default -> measure.kind();
                };
        boolean windows = all.stream().map(Scores.Measure::window).distinct().count() > 1;
        boolean texts = all.stream().map(Scores.Measure::file).distinct().count() > 1;
        return name
                + (windows ? " @" + measure.window() : "")
                + (texts ? " " + LabelledRun.fileName(measure.file()) : "");
    }
}
