package io.cospadi.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.compression.RunReport;
import io.cospadi.compression.RunReport.ProjectionResult;
import io.cospadi.compression.RunReport.Sample;
import io.cospadi.compression.RunReport.Score;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.regex.Pattern;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.junit.jupiter.api.Test;

/** The page as a document: everything on it, nothing from elsewhere. {@link BrowserTest} sees it drawn. */
class HtmlReportTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<RunReport> BOTH = List.of(SampleRuns.cospadi(), SampleRuns.svdLlm());

    @Test
    void everyPlotHasItsCanvasItsNumbersAndATable() throws Exception {
        for (List<RunReport> runs : List.of(List.of(SampleRuns.cospadi()), BOTH)) {
            Document page = page(runs);
            assertFalse(page.select("script.plot").isEmpty());
            for (Element data : page.select("script.plot")) {
                Element canvas = page.getElementById(data.attr("data-canvas"));
                assertNotNull(canvas, data.attr("data-canvas"));
                assertEquals("canvas", canvas.tagName());
                assertFalse(canvas.attr("aria-label").isBlank());
                JsonNode plot = JSON.readTree(data.data());
                assertFalse(plot.path("series").isEmpty(), canvas.id());
                Element figure = canvas.closest("figure");
                assertFalse(figure.select("details table tbody tr").isEmpty(), canvas.id());
                assertFalse(figure.select("figcaption").text().isBlank(), canvas.id());
            }
            assertEquals(
                    page.select("canvas").size(), page.select("script.plot").size());
        }
    }

    @Test
    void everySectionThatAReportNeedsIsThere() {
        Document page = page(BOTH);
        for (String id : List.of(
                "result",
                "perplexities",
                "tradeoff",
                "error-types",
                "error-layers",
                "rounds",
                "kinds",
                "budget",
                "predicted",
                "phases",
                "settings")) {
            assertNotNull(page.getElementById(id), id);
        }
        page.select("nav a")
                .forEach(link ->
                        assertNotNull(page.getElementById(link.attr("href").substring(1)), link.attr("href")));
    }

    @Test
    void headlineShowsTheReportsFigures() {
        Element row = page(BOTH).select(".headline tbody tr").get(2);
        assertEquals("SVD-LLM", row.select("th").text());
        assertTrue(row.text().contains("60.32"), row.text());
        assertTrue(row.text().contains("20.0\u202F%"), row.text());
    }

    @Test
    void heatTableHoldsEveryProjectionsError() {
        RunReport run = SampleRuns.cospadi();
        Element table = page(List.of(run)).select("#error-layers table").first();
        assertEquals(30, table.select("tbody tr").size());
        assertEquals(
                Unit.ERROR.format(run.projections().get(7 * 10).relativeError()),
                table.select("tbody tr").get(10).select("td").get(0).text());
    }

    @Test
    void predictedLossIsDrawnWhereTheBudgetForesawIt() {
        RunReport run = SampleRuns.cospadi();
        ProjectionResult fourth = run.projections().get(3);
        Element cell = page(List.of(run))
                .select("#predicted table:contains(ratio and predicted) tbody tr")
                .get(0)
                .select("td")
                .get(3);
        assertEquals(Unit.SHARE.format(fourth.ratio()) + ", " + Unit.ERROR.format(fourth.predictedLoss()), cell.text());
        RunReport blind = with(
                run,
                run.projections().stream()
                        .map(p -> new ProjectionResult(
                                p.name(),
                                p.d1(),
                                p.d2(),
                                p.k(),
                                p.s(),
                                p.group(),
                                p.bytes(),
                                p.denseBytes(),
                                p.relativeError(),
                                null,
                                p.seconds(),
                                p.flops(),
                                p.atomsReplaced(),
                                p.gramShift(),
                                p.errorByRound(),
                                p.secondsByPhase()))
                        .toList());
        assertNull(page(List.of(blind)).getElementById("loss"), "nothing was foreseen");
    }

    @Test
    void nothingIsLoadedFromAnywhere() {
        String html = HtmlReport.render(BOTH);
        Document page = Jsoup.parse(html);
        for (Element element : page.getAllElements()) {
            for (String attribute : List.of("src", "srcset", "href", "action", "data", "poster", "background")) {
                String value = element.attr(attribute);
                assertTrue(
                        value.isEmpty() || value.startsWith("#") || value.equals("data:,"),
                        element.tagName() + " " + attribute + "=" + value);
            }
        }
        String style = page.select("style").first().data();
        assertFalse(style.contains("url(") || style.contains("@import"));
        Pattern request =
                Pattern.compile("fetch\\(|XMLHttpRequest|sendBeacon|importScripts|WebSocket|sourceMappingURL");
        page.select("script")
                .forEach(script -> assertFalse(request.matcher(script.data()).find()));
        String policy = page.select("meta[http-equiv=Content-Security-Policy]").attr("content");
        assertTrue(policy.startsWith("default-src 'none'"), policy);
        assertFalse(policy.contains("unsafe") || policy.contains("http"), policy);
    }

    @Test
    void namesAndTextsCannotBecomeMarkup() throws Exception {
        String evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u0000\uD800";
        RunReport plain = SampleRuns.cospadi();
        RunReport report = new RunReport(
                plain.formatVersion(),
                new RunReport.Run(
                        evil, evil, evil, evil, evil, evil, evil, evil, evil, 3, 1, 14, null, null, evil, evil, evil,
                        2),
                new RunReport.Calibration(List.of(evil), 1, 1, 2, 2, evil),
                plain.ratio(),
                List.of(new RunReport.ByteShare(evil, 10, 10)),
                plain.seconds(),
                java.util.Map.of(evil, 1.0),
                plain.projections(),
                List.of(new Score(Score.COMPRESSED, "token", evil, 8, 7, 3.0)),
                List.of(new Sample(Score.COMPRESSED, evil, evil, 1)),
                new RunReport.Host(evil, evil, evil, 1, 1, 1),
                List.of(evil));
        Document page = page(List.of(report, plain));
        assertTrue(page.select("img").isEmpty());
        assertEquals(2, page.select("script:not([type])").size());
        for (Element data : page.select("script.plot")) {
            JSON.readTree(data.data());
        }
        assertTrue(page.select("blockquote p").text().contains("</script><script>alert(1)</script>"));
    }

    @Test
    void runsAreToldApartByWhatTheyDifferIn() {
        List<RunReport> runs = List.of(
                SampleRuns.run("cospadi", "block", 40, 0.2, 2, 1, 20, 30),
                SampleRuns.run("cospadi", "block", 40, 0.3, 2, 1, 20, 40),
                SampleRuns.run("cospadi", "ksvd", 60, 0.3, 2, 1, 20, 41),
                SampleRuns.run("cospadi", "ksvd", 60, 0.3, 2, 1, 20, 41));
        List<String> labels =
                LabelledRun.label(runs).stream().map(LabelledRun::label).toList();
        assertEquals(4, new HashSet<>(labels).size(), labels.toString());
        assertTrue(labels.get(2).contains("ksvd") && labels.get(2).contains("30.0"), labels.toString());
        assertEquals(
                List.of("CoSpaDi", "SVD-LLM"),
                LabelledRun.label(BOTH).stream().map(LabelledRun::label).toList());
    }

    @Test
    void aRunWithoutFiguresOrProjectionsStillHasAPage() {
        RunReport plain = SampleRuns.cospadi();
        RunReport bare =
                new RunReport(1, plain.run(), null, plain.ratio(), null, 0, null, null, null, null, plain.host(), null);
        Document page = page(List.of(bare));
        assertNotNull(page.getElementById("result"));
        page.select("section").forEach(section -> assertTrue(section.childrenSize() > 1, section.id() + " is empty"));
        assertNull(page.getElementById("quality"), "nothing was evaluated");
        assertThrows(IllegalArgumentException.class, () -> HtmlReport.render(List.of()));
    }

    @Test
    void aProjectionKeptDenseIsNamedSo() {
        RunReport plain = SampleRuns.cospadi();
        List<ProjectionResult> projections = new ArrayList<>(plain.projections());
        ProjectionResult first = projections.get(0);
        projections.set(
                0,
                new ProjectionResult(
                        first.name(),
                        first.d1(),
                        first.d2(),
                        null,
                        null,
                        null,
                        first.denseBytes(),
                        first.denseBytes(),
                        0,
                        0.0,
                        0,
                        0,
                        0,
                        0,
                        null,
                        null));
        Document page = page(List.of(with(plain, projections)));
        assertEquals(
                "dense",
                page.select("#error-layers tbody tr").get(0).select("td").get(0).text());
    }

    @Test
    void groupsThatShareADictionaryAreCountedAndNamed() {
        RunReport plain = SampleRuns.cospadi();
        List<ProjectionResult> projections = new ArrayList<>(plain.projections());
        for (int layer = 0; layer < 2; layer++) {
            int place = layer * ProjectionType.values().length;
            ProjectionResult p = projections.get(place);
            projections.set(
                    place,
                    new ProjectionResult(
                            p.name(),
                            p.d1(),
                            p.d2(),
                            p.k(),
                            p.s(),
                            "layers.0-1.self_attn.q_proj",
                            p.bytes(),
                            p.denseBytes(),
                            p.relativeError(),
                            p.predictedLoss(),
                            p.seconds(),
                            p.flops(),
                            p.atomsReplaced(),
                            p.gramShift(),
                            p.errorByRound(),
                            p.secondsByPhase()));
        }
        Document page = page(List.of(with(plain, projections)));
        assertTrue(page.getElementById("settings").text().contains("shared by groups 1 of 2 projections"));
        assertEquals(
                2, page.select("td:containsOwn(layers.0-1.self_attn.q_proj)").size());
        assertFalse(page(List.of(plain)).getElementById("settings").text().contains("shared by groups"));
    }

    /** The same run with other projections. */
    private static RunReport with(RunReport plain, List<ProjectionResult> projections) {
        return new RunReport(
                1,
                plain.run(),
                plain.calibration(),
                plain.ratio(),
                plain.bytes(),
                plain.seconds(),
                plain.secondsByPhase(),
                projections,
                plain.scores(),
                plain.samples(),
                plain.host(),
                plain.warnings());
    }

    private static Document page(List<RunReport> runs) {
        return Jsoup.parse(HtmlReport.render(runs));
    }
}
