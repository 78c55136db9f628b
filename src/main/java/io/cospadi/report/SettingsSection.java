package io.cospadi.report;

import io.cospadi.compression.RunReport;
import io.cospadi.compression.RunReport.ProjectionResult;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** What it takes to repeat a run, what was warned of, and every projection in full. */
final class SettingsSection implements Section {
    @Override
    public String id() {
        return "settings";
    }

    @Override
    public String title() {
        return "Settings and details";
    }

    @Override
    public void write(Html html, List<LabelledRun> runs) {
        for (LabelledRun run : runs) {
            if (!run.report().warnings().isEmpty()) {
                html.open("div", "class", "warnings")
                        .element("h3", run.label() + ": warnings")
                        .open("ul");
                run.report().warnings().forEach(warning -> html.element("li", warning));
                html.close("ul", "div");
            }
        }
        settings(runs).write(html, "settings");
        for (LabelledRun run : runs) {
            html.open("details").element("summary", run.label() + ": every projection");
            projections(run).write(html, "tall");
            html.close("details");
        }
    }

    private static Table settings(List<LabelledRun> runs) {
        List<String> head = new ArrayList<>(List.of(""));
        runs.forEach(run -> head.add(run.label()));
        List<List<Table.Cell>> rows = new ArrayList<>();
        row(rows, runs, "model", report -> report.run().model());
        row(rows, runs, "output", report -> report.run().output());
        row(rows, runs, "method", report -> report.run().method());
        row(rows, runs, "solver", report -> report.run().solver());
        row(
                rows,
                runs,
                "rounds",
                report -> report.run().rounds() == 0 ? null : "" + report.run().rounds());
        row(rows, runs, "budget", report -> report.run().budget());
        row(rows, runs, "objective", report -> report.run().objective());
        row(rows, runs, "propagation", report -> report.run().propagation());
        row(rows, runs, "shared by groups", SettingsSection::sharing);
        row(rows, runs, "seed", report -> "" + report.run().seed());
        row(rows, runs, "bits of a code", report -> "" + report.run().valueBits());
        row(
                rows,
                runs,
                "bits of a dictionary's element",
                report -> report.run().dictionaryBits() == null
                        ? null
                        : "" + report.run().dictionaryBits());
        row(rows, runs, "values with one scale", SettingsSection::scaled);
        row(rows, runs, "codes in groups", report -> report.run().groups());
        row(rows, runs, "calibration", SettingsSection::calibration);
        row(
                rows,
                runs,
                "text",
                report -> report.calibration() == null
                        ? null
                        : String.join(", ", report.calibration().sources()));
        row(
                rows,
                runs,
                "hash of its tokens",
                report -> report.calibration() == null
                        ? null
                        : report.calibration().dataHash());
        row(rows, runs, "Gram shifts", report -> "" + count(report, projection -> projection.gramShift() != 0));
        row(
                rows,
                runs,
                "atoms replaced",
                report -> ""
                        + report.projections().stream()
                                .mapToLong(ProjectionResult::atomsReplaced)
                                .sum());
        row(rows, runs, "kept dense", report -> "" + count(report, projection -> projection.k() == null));
        row(rows, runs, "backend", report -> report.run().identity());
        row(rows, runs, "threads", report -> "" + report.run().threads());
        row(rows, runs, "CPU", report -> report.host().cpu());
        row(rows, runs, "processors", report -> "" + report.host().processors());
        row(rows, runs, "memory", report -> bytes(report.host().memoryBytes()));
        row(rows, runs, "peak resident memory", report -> bytes(report.host().peakResidentBytes()));
        row(rows, runs, "Java", report -> report.host().java());
        row(rows, runs, "system", report -> report.host().os());
        row(rows, runs, "program", report -> report.run().program());
        row(rows, runs, "started", report -> report.run().started());
        return new Table("What it takes to repeat it", head, rows);
    }

    private static void row(
            List<List<Table.Cell>> rows, List<LabelledRun> runs, String name, Function<RunReport, String> value) {
        List<Table.Cell> row = new ArrayList<>(List.of(Table.Cell.text(name)));
        boolean any = false;
        for (LabelledRun run : runs) {
            String text = value.apply(run.report());
            any |= text != null;
            row.add(Table.Cell.text(text == null ? "–" : text));
        }
        if (any) {
            rows.add(row);
        }
    }

    private static String calibration(RunReport report) {
        RunReport.Calibration calibration = report.calibration();
        if (calibration == null) {
            return null;
        }
        String fewer = calibration.windows() < calibration.windowsAsked()
                ? " (asked for " + calibration.windowsAsked() + ")"
                : "";
        return calibration.windows() + " windows of " + calibration.window() + fewer + ", "
                + Unit.COUNT.format(calibration.tokens()) + " tokens";
    }

    private static String scaled(RunReport report) {
        Integer groupSize = report.run().groupSize();
        return groupSize == null ? null : groupSize == 0 ? "a row" : "" + groupSize;
    }

    /** How many groups of each size share a dictionary; null where none do. */
    private static String sharing(RunReport report) {
        Map<String, Integer> members = new LinkedHashMap<>();
        for (ProjectionResult projection : report.projections()) {
            if (projection.group() != null) {
                members.merge(projection.group(), 1, Integer::sum);
            }
        }
        Map<Integer, Integer> groups = new TreeMap<>();
        members.values().forEach(size -> groups.merge(size, 1, Integer::sum));
        return groups.isEmpty()
                ? null
                : groups.entrySet().stream()
                        .map(entry -> entry.getValue() + " of " + entry.getKey() + " projections")
                        .collect(Collectors.joining(", "));
    }

    private static long count(RunReport report, Predicate<ProjectionResult> which) {
        return report.projections().stream().filter(which).count();
    }

    private static String bytes(long bytes) {
        return bytes == 0 ? null : Unit.BYTES.format(bytes);
    }

    private static Table projections(LabelledRun run) {
        List<String> head = List.of(
                "projection",
                "inputs",
                "outputs",
                "k",
                "s",
                "group",
                "bytes",
                "saved",
                "relative error",
                "time",
                "GFLOP/s",
                "atoms replaced",
                "Gram shift");
        List<List<Table.Cell>> rows = new ArrayList<>();
        for (ProjectionResult projection : run.report().projections()) {
            List<Table.Cell> row = new ArrayList<>(List.of(Table.Cell.text(projection.name())));
            for (String figure : List.of(
                    "" + projection.d1(),
                    "" + projection.d2(),
                    projection.k() == null ? "dense" : "" + projection.k(),
                    projection.s() == null || projection.s() == 0 ? "–" : "" + projection.s(),
                    projection.group() == null ? "–" : projection.group(),
                    Unit.COUNT.format(projection.bytes()),
                    Unit.SHARE.format(1 - (double) projection.bytes() / projection.denseBytes()),
                    Unit.ERROR.format(projection.relativeError()),
                    Unit.SECONDS.format(projection.seconds()),
                    projection.flops() == 0 ? "–" : Unit.ERROR.format(projection.flops() / projection.seconds() / 1e9),
                    "" + projection.atomsReplaced(),
                    projection.gramShift() == 0 ? "0" : Unit.ERROR.format(projection.gramShift()))) {
                row.add(Table.Cell.number(figure));
            }
            rows.add(row);
        }
        return new Table(run.label() + ": every projection", head, rows);
    }
}
