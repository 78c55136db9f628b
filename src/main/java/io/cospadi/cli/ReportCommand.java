package io.cospadi.cli;

import io.cospadi.compression.RunReport;
import io.cospadi.compression.RunReportFile;
import io.cospadi.report.HtmlReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code report DIR}: the HTML report of a compact folder, drawn again from its report.json. */
@Command(
        name = "report",
        description = "Draws the report of a compact folder again, with evaluations added to it if there are any.")
final class ReportCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", description = "Compact folder, as compress wrote it.")
    private Path folder;

    @Option(
            names = "--evaluation",
            paramLabel = "FILE",
            description = "What eval --json printed for this folder; its figures are added to report.json. Repeatable.")
    private List<Path> evaluations = List.of();

    @Option(names = "--dense-evaluation", paramLabel = "FILE", description = "The same for the base model. Repeatable.")
    private List<Path> denseEvaluations = List.of();

    @Option(names = "--out", paramLabel = "FILE", description = "Page to write (default: DIR/cospadi/report.html).")
    private Path out;

    @Option(names = "--json", description = "Print one JSON object on stdout and nothing else there.")
    private boolean json;

    private final Terminal terminal;

    ReportCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() throws IOException {
        Path data = folder.resolve(RunReportFile.PLACE);
        RunReport report = RunReportFile.read(data);
        if (!evaluations.isEmpty() || !denseEvaluations.isEmpty()) {
            for (Path file : evaluations) {
                report = report.with(EvaluationFile.scores(file, RunReport.Score.COMPRESSED), List.of());
            }
            for (Path file : denseEvaluations) {
                report = report.with(EvaluationFile.scores(file, RunReport.Score.DENSE), List.of());
            }
            RunReportFile.write(data, report);
        }
        Path page = out == null ? data.resolveSibling("report.html") : out;
        HtmlReport.write(page, List.of(report));
        if (json) {
            terminal.json(Map.of("report", page.toString()));
        } else {
            terminal.out().println(page);
        }
        return ExitStatus.DONE;
    }
}
