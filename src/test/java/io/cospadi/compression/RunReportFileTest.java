package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.compression.RunReport.ProjectionResult;
import io.cospadi.compression.RunReport.Score;
import io.cospadi.tensor.CospadiException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunReportFileTest {
    @TempDir
    Path folder;

    @Test
    void whatIsWrittenIsReadBack() throws Exception {
        Path file = folder.resolve("report.json");
        RunReportFile.write(file, report());
        assertEquals(report(), RunReportFile.read(file));
        try (var files = Files.list(folder)) {
            assertEquals(1, files.count(), "something was left beside the report");
        }
    }

    @Test
    void namesAreInSnakeCaseAndDenseProjectionsHaveNull() throws Exception {
        JsonNode tree = new ObjectMapper().readTree(RunReportFile.bytes(report()));
        assertEquals(1, tree.path("format_version").asInt());
        JsonNode projection = tree.path("projections").get(0);
        assertEquals(0.25, projection.path("relative_error").asDouble());
        assertEquals(0.5, projection.path("error_by_round").get(0).asDouble());
        assertEquals(3, projection.path("d1").asInt());
        assertTrue(tree.path("projections").get(1).get("k").isNull());
        assertEquals(2, tree.path("seconds_by_phase").path("factorise").asDouble());
    }

    @Test
    void laterFiguresReplaceEarlierOnesOfTheSameKind() {
        Score first = new Score("dense", "token", "a.txt", 8, 7, 3);
        Score again = new Score("dense", "token", "a.txt", 8, 7, 4);
        Score other = new Score("dense", "token", "a.txt", 16, 15, 2);
        RunReport report = report().with(List.of(first), List.of()).with(List.of(again, other), List.of());
        assertEquals(List.of(again, other), report.scores());
    }

    @Test
    void unknownKeysArePassedOver() throws Exception {
        Path file = folder.resolve("report.json");
        String text = new String(RunReportFile.bytes(report()), java.nio.charset.StandardCharsets.UTF_8);
        Files.writeString(file, text.replaceFirst("\\{", "{\"from_the_future\": [1],"));
        assertEquals(report(), RunReportFile.read(file));
    }

    @Test
    void whatIsNoReportIsRefusedInOneLineThatNamesTheFile() throws Exception {
        Path file = folder.resolve("report.json");
        for (String content : List.of(
                "",
                "[]",
                "{",
                "{\"format_version\": 2}",
                "{\"format_version\": 1}",
                "{\"format_version\": 1, \"run\": 3}")) {
            Files.writeString(file, content);
            CospadiException failure = assertThrows(CospadiException.class, () -> RunReportFile.read(file), content);
            assertTrue(failure.getMessage().startsWith(file.toString()), failure.getMessage());
            assertFalse(failure.getMessage().contains("\n"), failure.getMessage());
        }
        Files.delete(file);
        assertThrows(CospadiException.class, () -> RunReportFile.read(file));
    }

    private static RunReport report() {
        return new RunReport(
                RunReport.FORMAT_VERSION,
                new RunReport.Run(
                        "0.1 (commit 0)",
                        "2026-01-01T00:00:00Z",
                        "model",
                        "out",
                        "cospadi",
                        "block",
                        "uniform",
                        "output",
                        "compressed",
                        40,
                        42,
                        4,
                        8,
                        64,
                        "8:16",
                        "cpu",
                        "cpu OpenBLAS",
                        2),
                null,
                new RunReport.Ratio(0.2, 0.21, 0.1),
                List.of(new RunReport.ByteShare(RunReport.ByteShare.MASKS, 10, 0)),
                3,
                Map.of("factorise", 2.0),
                List.of(
                        new ProjectionResult(
                                "model.layers.0.self_attn.q_proj",
                                3,
                                4,
                                2,
                                1,
                                "layers.0-1.self_attn.q_proj",
                                20,
                                24,
                                0.25,
                                0.001,
                                1,
                                100,
                                0,
                                0,
                                List.of(0.5, 0.3),
                                Map.of("rounds", 1.0)),
                        new ProjectionResult(
                                "model.layers.0.self_attn.k_proj",
                                3,
                                4,
                                null,
                                null,
                                null,
                                24,
                                24,
                                0,
                                null,
                                0,
                                0,
                                0,
                                0,
                                null,
                                null)),
                List.of(),
                List.of(),
                new RunReport.Host("Linux", "17", "cpu", 2, 0, 0),
                List.of());
    }
}
