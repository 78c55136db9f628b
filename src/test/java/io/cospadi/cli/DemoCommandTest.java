package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.compression.RunReport;
import io.cospadi.compression.RunReportFile;
import io.cospadi.format.Verifier;
import io.cospadi.tensor.Progress;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Document;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The demo as users run it, once: half a minute of real work on the model that ships inside. */
class DemoCommandTest {
    @TempDir
    Path folder;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @Test
    void cospadiLosesLessThanSvdLlmAtTheSameRatio() throws Exception {
        Path place = folder.resolve("demo");
        assertEquals(0, run("demo", "--json", "--out", place.toString()), err.toString(StandardCharsets.UTF_8));
        JsonNode json = new ObjectMapper().readTree(out.toString(StandardCharsets.UTF_8));
        JsonNode results = json.path("results");
        assertEquals("dense", results.get(0).path("method").asText());
        assertEquals("cospadi", results.get(1).path("method").asText());
        assertEquals("svd-llm", results.get(2).path("method").asText());
        double dense = results.get(0).path("perplexity").asDouble();
        double cospadi = results.get(1).path("perplexity").asDouble();
        double svdLlm = results.get(2).path("perplexity").asDouble();
        assertTrue(dense < cospadi && cospadi < svdLlm, results.toString());
        for (int i = 1; i <= 2; i++) {
            assertTrue(results.get(i).path("ratio").asDouble() >= 0.2, results.toString());
        }

        Path compact = Path.of(json.path("compact").asText());
        Verifier.verify(compact, Progress.NONE);
        RunReport report = RunReportFile.ofFolder(compact);
        assertEquals(
                cospadi,
                report.scores().stream()
                        .filter(score -> score.model().equals(RunReport.Score.COMPRESSED))
                        .findFirst()
                        .orElseThrow()
                        .value());
        assertEquals(
                Files.size(compact.resolve("model.safetensors")),
                report.bytes().stream().mapToLong(RunReport.ByteShare::bytes).sum());
        assertEquals(2, report.samples().size());
        Document page = Jsoup.parse(Path.of(json.path("report").asText()).toFile());
        assertEquals(3, page.select(".headline tbody tr").size());
        assertTrue(page.select("canvas").size() > 10);
        assertFalse(Files.exists(place.resolve("cospadi.work")), "work was left behind");
    }

    @Test
    void aFolderOfTheUsersIsLeftAlone() throws Exception {
        Path mine = Files.createDirectories(folder.resolve("thesis"));
        Files.writeString(mine.resolve("chapter1.txt"), "precious");
        assertEquals(1, run("demo", "--out", mine.toString()));
        String message = err.toString(StandardCharsets.UTF_8);
        assertTrue(message.startsWith("cospadi: ") && message.contains("chapter1.txt"), message);
        assertEquals(1, mine.toFile().list().length);
    }

    private int run(String... arguments) {
        Terminal terminal = new Terminal(
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                OptionalInt.empty());
        return Main.run(terminal, new StopSignal(), arguments);
    }
}
