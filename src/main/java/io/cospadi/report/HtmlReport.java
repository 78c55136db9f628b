package io.cospadi.report;

import io.cospadi.compression.RunReport;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Properties;

/**
 * A page about one or several runs that needs nothing but itself: style, scripts and numbers are in it, and its content
 * security policy lets the browser run these scripts only and load nothing at all. Every plot's numbers are in a table
 * too, so the page can be read without scripts, by machines, and by those who can't see the plots.
 */
public final class HtmlReport {
    private static final String CHART_FOLDER = "/META-INF/resources/webjars/chart.js/";
    private static final String CHART_VERSION = "/META-INF/maven/org.webjars.npm/chart.js/pom.properties";
    private static final List<Section> SECTIONS = List.of(
            new HeadlineSection(),
            new QualitySection(),
            new ErrorSection(),
            new ConvergenceSection(),
            new SizeSection(),
            new LossSection(),
            new TimeSection(),
            new SettingsSection());

    private HtmlReport() {}

    /**
     * The page.
     *
     * @param reports at least one; their order is that of colours and rows
     * @throws IllegalArgumentException for none
     */
    public static String render(List<RunReport> reports) {
        if (reports.isEmpty()) {
            throw new IllegalArgumentException("a report needs at least one run");
        }
        List<LabelledRun> runs = LabelledRun.label(reports);
        String style = resource("report.css");
        String chart = chartScript();
        String script = resource("report.js");
        String title = title(runs);
        Html html = new Html();
        html.raw("<!doctype html>\n")
                .open("html", "lang", "en")
                .open("head")
                .open("meta", "charset", "utf-8")
                .open("meta", "name", "viewport", "content", "width=device-width, initial-scale=1")
                .open("meta", "http-equiv", "Content-Security-Policy", "content", policy(style, chart, script))
                .open("meta", "name", "color-scheme", "content", "light dark")
                .element("title", title)
                .open("link", "rel", "icon", "href", "data:,")
                .open("style")
                .raw(style)
                .close("style", "head");
        html.open("body").open("header").element("p", "CoSpaDi report", "class", "brand");
        html.element("h1", title)
                .element("p", subtitle(runs), "class", "subtitle")
                .close("header");
        html.open("nav", "aria-label", "Sections").open("ul");
        Html main = new Html();
        for (Section section : SECTIONS) {
            Html body = new Html();
            section.write(body, runs);
            if (body.toString().isEmpty()) {
                continue;
            }
            html.open("li")
                    .element("a", section.title(), "href", "#" + section.id())
                    .close("li");
            main.open("section", "id", section.id(), "aria-labelledby", section.id() + "-title")
                    .element("h2", section.title(), "id", section.id() + "-title")
                    .raw(body.toString())
                    .close("section");
        }
        html.close("ul", "nav").open("main").raw(main.toString()).close("main");
        html.element(
                "footer",
                "Written by cospadi " + runs.get(0).report().run().program()
                        + ". Self-contained: this file loads nothing from anywhere. The same numbers are in the report.json of each run.");
        html.open("script")
                .raw(chart)
                .close("script")
                .open("script")
                .raw(script)
                .close("script");
        return html.close("body", "html").toString();
    }

    /** Renders into a file, whole: a sibling first, which then takes its place. */
    public static void write(Path file, List<RunReport> reports) throws IOException {
        Path absolute = file.toAbsolutePath();
        if (!Files.isDirectory(absolute.getParent())) {
            throw new CospadiException(file + " can't be written: " + absolute.getParent()
                    + " is no existing folder; make it, or name another place");
        }
        Path fresh = absolute.resolveSibling(absolute.getFileName() + ".part");
        try {
            Files.writeString(fresh, render(reports));
            Files.move(fresh, absolute, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(fresh);
        }
    }

    private static String title(List<LabelledRun> runs) {
        List<String> models =
                runs.stream().map(LabelledRun::modelName).distinct().toList();
        return runs.size() == 1
                ? models.get(0) + ", compressed by " + runs.get(0).label()
                : String.join(", ", models) + ": " + runs.size() + " runs compared";
    }

    private static String subtitle(List<LabelledRun> runs) {
        if (runs.size() > 1) {
            return String.join(" · ", runs.stream().map(LabelledRun::label).toList());
        }
        RunReport report = runs.get(0).report();
        RunReport.Run run = report.run();
        String solver = run.solver() == null ? "" : " · " + run.solver() + ", " + run.rounds() + " rounds";
        return "ratio " + Unit.SHARE.format(report.ratio().target()) + " · " + run.budget() + " budget" + solver + " · "
                + run.backend() + " · " + minute(run.started());
    }

    /** "2026-01-01 12:00 UTC". */
    private static String minute(String instant) {
        return instant.replaceFirst("^(\\d{4}-\\d\\d-\\d\\d)T(\\d\\d:\\d\\d)[^Z]*Z$", "$1 $2 UTC");
    }

    /** Nothing may be loaded; the only scripts and styles that count are those whose hashes stand here. */
    private static String policy(String style, String... scripts) {
        StringBuilder policy = new StringBuilder("default-src 'none'; img-src data:; style-src ").append(hash(style));
        policy.append("; script-src");
        for (String script : scripts) {
            policy.append(' ').append(hash(script));
        }
        return policy.append("; base-uri 'none'; form-action 'none'").toString();
    }

    private static String hash(String content) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(content.getBytes(StandardCharsets.UTF_8));
            return "'sha256-" + Base64.getEncoder().encodeToString(digest) + "'";
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** Chart.js from its jar, less the pointer to a file for its developers. */
    private static String chartScript() {
        Properties properties = new Properties();
        try (InputStream stream = stream(CHART_VERSION)) {
            properties.load(stream);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        String script = read(CHART_FOLDER + properties.getProperty("version") + "/dist/chart.umd.min.js");
        if (script.toLowerCase(Locale.ROOT).contains("</script")) {
            throw new IllegalStateException("this Chart.js can't be put into a page");
        }
        return script.replaceAll("(?m)^//# sourceMappingURL=.*$", "");
    }

    private static String resource(String name) {
        return read("/io/cospadi/report/" + name);
    }

    private static String read(String path) {
        try (InputStream stream = stream(path)) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static InputStream stream(String path) {
        InputStream stream = HtmlReport.class.getResourceAsStream(path);
        if (stream == null) {
            throw new IllegalStateException("the program's own " + path + " is missing; build it again");
        }
        return stream;
    }
}
