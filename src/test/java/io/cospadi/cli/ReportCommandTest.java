package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.compression.RunReport;
import io.cospadi.compression.RunReport.Score;
import io.cospadi.compression.RunReportFile;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jsoup.Jsoup;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportCommandTest {
    @TempDir
    Path folder;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @Test
    void evaluationsAreAddedToTheReportAndDrawn() throws Exception {
        Path run = run("a", "cospadi");
        Path evaluation = folder.resolve("eval.json");
        Files.writeString(evaluation, """
                {"model": "a", "backend": "cpu", "tasks": [],
                 "perplexity": [{"file": "t.txt", "kind": "token", "window": 256, "tokens": 255, "value": 12.5}],
                 "kl": {"reference": "m", "file": "t.txt", "window": 256, "tokens": 255, "mean": 0.25, "top1_agreement": 0.75}}
                """);
        assertEquals(0, cospadi("report", run.toString(), "--evaluation", evaluation.toString()), err.toString());
        RunReport report = RunReportFile.ofFolder(run);
        assertEquals(
                new Score(Score.COMPRESSED, "token", "t.txt", 256, 255, 12.5),
                report.scores().get(0));
        assertEquals(3, report.scores().size());
        Path page = run.resolve("cospadi/report.html");
        assertEquals(page.toString(), out.toString(StandardCharsets.UTF_8).strip());
        assertTrue(Jsoup.parse(page.toFile()).select(".headline").text().contains("12.50"));
    }

    @Test
    void severalRunsAreComparedOnOnePage() throws Exception {
        Path page = folder.resolve("both.html");
        assertEquals(
                0,
                cospadi(
                        "compare",
                        run("a", "cospadi").toString(),
                        run("b", "compot").toString(),
                        "--out",
                        page.toString()),
                err.toString());
        String headline = Jsoup.parse(page.toFile()).select(".headline").text();
        assertTrue(headline.contains("CoSpaDi") && headline.contains("COMPOT"), headline);
    }

    @Test
    void faultsAreOneLineAndLeaveTheReportAlone() throws Exception {
        assertEquals(1, cospadi("report", folder.resolve("nowhere").toString()));
        assertTrue(err.toString().startsWith("cospadi: ") && err.toString().contains("report.json"), err.toString());
        Path run = run("a", "cospadi");
        Path evaluation = Files.writeString(folder.resolve("eval.json"), "{\"perplexity\": [{\"kind\": \"token\"}]}");
        assertEquals(1, cospadi("report", run.toString(), "--evaluation", evaluation.toString()));
        assertTrue(err.toString().contains("eval.json"), err.toString());
        assertFalse(Files.exists(run.resolve("cospadi/report.html")));
        Path page = folder.resolve("nodir/r.html");
        assertEquals(1, cospadi("report", run.toString(), "--out", page.toString()));
        assertTrue(
                err.toString()
                        .contains(page + " can't be written: " + page.getParent() + " is no existing folder; make it"),
                err.toString());
    }

    private Path run(String name, String method) throws Exception {
        Path run = folder.resolve(name);
        Files.createDirectories(run.resolve("cospadi"));
        RunReport report = new RunReport(
                RunReport.FORMAT_VERSION,
                new RunReport.Run(
                        "0",
                        "2026-01-01T00:00:00Z",
                        "m",
                        name,
                        method,
                        null,
                        "uniform",
                        "output",
                        null,
                        0,
                        42,
                        14,
                        null,
                        null,
                        null,
                        "cpu",
                        "cpu",
                        2),
                null,
                new RunReport.Ratio(0.2, 0.2, 0.1),
                List.of(new RunReport.ByteShare(RunReport.ByteShare.EMBEDDINGS, 10, 10)),
                1,
                Map.of(),
                List.of(),
                List.of(),
                List.of(),
                new RunReport.Host("Linux", "17", "cpu", 2, 0, 0),
                List.of());
        RunReportFile.write(run.resolve(RunReportFile.PLACE), report);
        return run;
    }

    private int cospadi(String... arguments) {
        out.reset();
        err.reset();
        Terminal terminal = new Terminal(
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                OptionalInt.empty());
        return Main.run(terminal, new StopSignal(), arguments);
    }
}
