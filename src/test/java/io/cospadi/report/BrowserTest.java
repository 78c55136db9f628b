package io.cospadi.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.cospadi.compression.RunReport;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page in a real browser, where the machine has one: about three seconds a load. */
class BrowserTest {
    @TempDir
    Path folder;

    @Test
    void everyPlotIsDrawnAndAPhoneNeedsNoSidewaysScrolling() throws Exception {
        List<Integer> widths = List.of(1280, 390);
        List<Document> pages = load(List.of(SampleRuns.cospadi(), SampleRuns.svdLlm()), widths);
        for (int i = 0; i < widths.size(); i++) {
            Element body = pages.get(i).body();
            assertEquals(String.valueOf(widths.get(i)), body.attr("data-inner-width"));
            assertTrue(
                    Integer.parseInt(body.attr("data-scroll-width")) <= widths.get(i), body.attr("data-scroll-width"));
            assertEquals("", body.attr("data-failure"));
            assertEquals(String.valueOf(pages.get(i).select("canvas").size()), body.attr("data-drawn"));
            pages.get(i).select("canvas").forEach(canvas -> {
                assertEquals("true", canvas.attr("data-drawn"), canvas.id());
                // the browser has laid it out, so it has a size of its own
                assertTrue(Integer.parseInt(canvas.attr("width")) > 100, canvas.outerHtml());
                assertTrue(Integer.parseInt(canvas.attr("height")) > 80, canvas.outerHtml());
                assertTrue(Integer.parseInt(canvas.attr("data-ink")) > 50, canvas.outerHtml());
            });
        }
    }

    /** The page as the browser has it at each of these widths, measured. */
    private List<Document> load(List<RunReport> runs, List<Integer> widths) throws IOException, InterruptedException {
        Optional<Path> browser = browser();
        assumeTrue(browser.isPresent(), "no chromium or google-chrome on the PATH");
        HtmlReport.write(folder.resolve("report.html"), runs);
        StringBuilder frames = new StringBuilder("<!doctype html><meta charset=\"utf-8\">\n");
        // windows can't be as narrow as a phone, frames can
        widths.forEach(width -> frames.append(FRAME.replace("WIDTH", String.valueOf(width))));
        Path outer = Files.writeString(folder.resolve("frames.html"), frames.append(MEASURE));
        Path dom = folder.resolve("dom.html");
        Path log = folder.resolve("log.txt");
        List<String> command = List.of(
                browser.get().toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--allow-file-access-from-files",
                "--enable-logging=stderr",
                "--user-data-dir=" + folder.resolve("profile"),
                "--virtual-time-budget=3000",
                "--window-size=1400,2000",
                "--dump-dom",
                outer.toUri().toString());
        Process process = new ProcessBuilder(command)
                .redirectOutput(dom.toFile())
                .redirectError(log.toFile())
                .start();
        try {
            assertTrue(process.waitFor(120, TimeUnit.SECONDS), "the browser takes longer than two minutes");
        } finally {
            process.destroyForcibly();
        }
        List<String> complaints = Files.readString(log, StandardCharsets.UTF_8)
                .lines()
                .filter(line -> line.contains("CONSOLE"))
                .toList();
        assertEquals(List.of(), complaints, "on the console");
        List<Document> pages = Jsoup.parse(Files.readString(dom)).select("textarea").stream()
                .map(page -> Jsoup.parse(page.text()))
                .toList();
        pages.forEach(page -> assertFalse(page.select("main").isEmpty(), "the report was not loaded"));
        return pages;
    }

    private static final String FRAME =
            "<iframe src=\"report.html\" width=\"WIDTH\" height=\"2000\" style=\"border:0\"></iframe><textarea></textarea>\n";

    /** Measures each frame's page once it is drawn, and hands its document out as text. */
    private static final String MEASURE = """
            <script>
            window.addEventListener("load", () => setTimeout(() => document.querySelectorAll("iframe").forEach((frame) => {
              const page = frame.contentDocument;
              page.body.dataset.innerWidth = frame.contentWindow.innerWidth;
              page.body.dataset.scrollWidth = page.documentElement.scrollWidth;
              page.querySelectorAll("canvas").forEach((canvas) => {
                const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                let ink = 0;
                for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 0) ink++;
                canvas.dataset.ink = ink;
              });
              page.querySelectorAll("script, style, table").forEach((element) => element.remove());
              frame.nextElementSibling.textContent = page.documentElement.outerHTML;
            }), 300));
            </script>
            """;

    private static Optional<Path> browser() {
        String path = System.getenv().getOrDefault("PATH", "");
        return List.of("chromium", "chromium-browser", "google-chrome").stream()
                .flatMap(name -> Arrays.stream(path.split(File.pathSeparator)).map(entry -> Path.of(entry, name)))
                .filter(Files::isExecutable)
                .findFirst();
    }
}
