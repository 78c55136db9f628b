package io.cospadi.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** What the demo ends with: a table, what the models wrote, and where everything is. */
record DemoView(DemoFolder folder, List<DemoResult> results) {
    private static final int WIDTH = 80;

    String text() {
        StringBuilder text = new StringBuilder("\n");
        TextTable table = new TextTable("model", "weights", "saved", "of the projections", "perplexity", "time");
        long dense = results.get(0).bytes();
        for (DemoResult result : results) {
            table.row(
                    name(result),
                    Quantities.bytes(result.bytes()),
                    result.compressed() ? percent(1 - (double) result.bytes() / dense) : "",
                    result.compressed() ? percent(result.ratio()) : "",
                    String.format(Locale.ROOT, "%.2f", result.perplexity()),
                    result.compressed() ? String.format(Locale.ROOT, "%.1f s", result.seconds()) : "");
        }
        text.append(table);
        text.append("Perplexity per token of held-out text in windows of ").append(DemoRun.WINDOW);
        text.append("; less is better.\n\n");
        text.append("\"").append(results.get(0).sample().prompt()).append("\" ...\n");
        for (DemoResult result : results) {
            String indent = "           ";
            text.append(TextTable.wrap(
                            String.format("  %-9s", name(result)),
                            indent,
                            result.sample().text().strip().replaceAll("\\s+", " "),
                            WIDTH))
                    .append('\n');
        }
        text.append("\nWritten:\n");
        path(text, folder.report(), "all of this as a page with plots; open it in a browser");
        for (DemoResult result : results) {
            if (result.compressed()) {
                path(text, folder.path().resolve(result.method()), "compact model of " + name(result));
            }
        }
        path(text, folder.model().dense(), "the dense model, and its texts beside it");
        return text.toString();
    }

    private static String name(DemoResult result) {
        return switch (result.method()) {
            case "cospadi" -> "CoSpaDi";
            case "svd-llm" -> "SVD-LLM";
            default -> result.method();
        };
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.1f %%", 100 * share);
    }

    private static void path(StringBuilder text, Path path, String what) {
        text.append(String.format("  %-26s %s%n", path, what));
    }
}
