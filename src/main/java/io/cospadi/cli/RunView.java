package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.compression.RunReport;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** A finished compression for people and for programs. */
record RunView(String output, RunReport report) {
    /** Prints it as one of the two. */
    void show(Terminal terminal, boolean json) {
        if (json) {
            terminal.json(json());
        } else {
            terminal.out().print(text());
        }
    }

    /** A few lines. */
    String text() {
        long file =
                report.bytes().stream().mapToLong(RunReport.ByteShare::bytes).sum();
        StringBuilder text = new StringBuilder();
        line(
                text,
                "%s: %s in safetensors, made in %s",
                output,
                Quantities.bytes(file),
                JobDisplay.duration(report.seconds()));
        line(
                text,
                "ratio %.4f over the projections (asked for %s), %.4f over the files",
                report.ratio().projections(),
                report.ratio().target(),
                report.ratio().file());
        List<RunReport.ProjectionResult> factored =
                report.projections().stream().filter(p -> p.k() != null).toList();
        factored.stream()
                .max(Comparator.comparingDouble(RunReport.ProjectionResult::relativeError))
                .ifPresent(worst -> line(
                        text,
                        "relative error %.5f in the mean of %d projections, at most %.5f (%s)",
                        factored.stream()
                                .mapToDouble(RunReport.ProjectionResult::relativeError)
                                .average()
                                .orElseThrow(),
                        factored.size(),
                        worst.relativeError(),
                        worst.name()));
        report.predictedLoss()
                .ifPresent(rise -> line(
                        text, "predicted rise of the loss %.4f nats a token, on text like the calibration text", rise));
        return text.toString();
    }

    /** What scripts rely on. */
    ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("output", output);
        json.put("method", report.run().method());
        json.put("solver", report.run().solver());
        json.put("budget", report.run().budget());
        json.putObject("ratio")
                .put("target", report.ratio().target())
                .put("projections", report.ratio().projections())
                .put("file", report.ratio().file());
        report.predictedLoss().ifPresent(rise -> json.put("predicted_loss", rise));
        json.put("seconds", report.seconds());
        ArrayNode projections = json.putArray("projections");
        for (RunReport.ProjectionResult p : report.projections()) {
            projections
                    .addObject()
                    .put("name", p.name())
                    .put("d1", p.d1())
                    .put("d2", p.d2())
                    .put("k", p.k())
                    .put("s", p.s())
                    .put("bytes", p.bytes())
                    .put("ratio", p.ratio())
                    .put("relative_error", p.relativeError())
                    .put("predicted_loss", p.predictedLoss())
                    .put("seconds", p.seconds());
        }
        return json;
    }

    private static void line(StringBuilder text, String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values)).append('\n');
    }
}
