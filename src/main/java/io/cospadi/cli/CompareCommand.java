package io.cospadi.cli;

import io.cospadi.compression.RecipeException;
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

/** {@code compare A B ...}: several runs on one page. */
@Command(name = "compare", description = "Draws several runs on one page.")
final class CompareCommand implements Callable<Integer> {
    @Parameters(arity = "0..*", paramLabel = "DIR", description = "Compact folders, as compress wrote them.")
    private List<Path> folders = List.of();

    @Option(names = "--out", paramLabel = "FILE", description = "Page to write (default: ${DEFAULT-VALUE}).")
    private Path out = Path.of("comparison.html");

    @Option(names = "--json", description = "Print one JSON object on stdout and nothing else there.")
    private boolean json;

    private final Terminal terminal;

    CompareCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() throws IOException {
        if (folders.size() < 2) {
            throw RecipeException.usage("name two compact folders to compare, or more; found " + folders.size());
        }
        List<RunReport> reports = folders.stream().map(RunReportFile::ofFolder).toList();
        HtmlReport.write(out, reports);
        if (json) {
            terminal.json(Map.of("report", out.toString()));
        } else {
            terminal.out().println(out);
        }
        return ExitStatus.DONE;
    }
}
