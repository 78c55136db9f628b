package io.cospadi.report;

import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.compression.RunReport;
import io.cospadi.compression.RunReport.ByteShare;
import io.cospadi.compression.RunReport.ProjectionResult;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * A run under a name that tells it from the others on the page.
 *
 * @param label  unique on the page
 * @param index  place among the runs, which decides its colour
 * @param report what it came to
 */
record LabelledRun(String label, int index, RunReport report) {
    /** Colours there are for runs; later ones start over. */
    private static final int COLOURS = 6;

    /** What may tell two runs apart, from the most to the least telling. */
    private static final List<Function<RunReport, String>> TRAITS = List.of(
            report -> methodName(report.run().method()),
            report -> Unit.SHARE.format(report.ratio().target()),
            report -> report.run().solver() == null ? "" : report.run().solver(),
            report -> report.run().budget(),
            report -> report.run().rounds() == 0 ? "" : report.run().rounds() + " rounds",
            report -> fileName(report.run().model()),
            report -> report.run().backend(),
            report -> "seed " + report.run().seed());

    /** Names each run by its method and by whatever else it differs in from another one on the page. */
    static List<LabelledRun> label(List<RunReport> reports) {
        List<List<String>> words = new ArrayList<>();
        reports.forEach(
                report -> words.add(new ArrayList<>(List.of(TRAITS.get(0).apply(report)))));
        for (Function<RunReport, String> trait : TRAITS.subList(1, TRAITS.size())) {
            boolean ambiguous = new HashSet<>(words).size() < reports.size();
            boolean telling = reports.stream().map(trait).distinct().count() > 1;
            for (int i = 0; ambiguous && telling && i < reports.size(); i++) {
                String word = trait.apply(reports.get(i));
                if (!word.isEmpty()) {
                    words.get(i).add(word);
                }
            }
        }
        List<LabelledRun> runs = new ArrayList<>();
        HashSet<String> used = new HashSet<>();
        for (int i = 0; i < reports.size(); i++) {
            String label = String.join(", ", words.get(i));
            runs.add(new LabelledRun(used.add(label) ? label : label + ", run " + (i + 1), i, reports.get(i)));
        }
        return runs;
    }

    /** As its authors write it. */
    static String methodName(String method) {
        return switch (method) {
            case "cospadi" -> "CoSpaDi";
            case "compot" -> "COMPOT";
            case "svd-llm" -> "SVD-LLM";
            case "asvd" -> "ASVD";
            case "svd" -> "SVD";
            case "kfac-svd" -> "KFAC-SVD";
            case "zero-sum-svd" -> "Zero-Sum SVD";
            case "basis-sharing" -> "Basis Sharing";
            case "rtn" -> "RTN";
            case "gptq" -> "GPTQ";
            default -> method;
        };
    }

    /** The last part of a path, which is what a model goes by. */
    static String fileName(String path) {
        String trimmed = path.replaceAll("/+$", "");
        return trimmed.substring(trimmed.lastIndexOf('/') + 1);
    }

    String colour() {
        return "run" + index % COLOURS;
    }

    String modelName() {
        return fileName(report.run().model());
    }

    /** Bytes of the safetensors files. */
    long fileBytes() {
        return report.bytes().stream().mapToLong(ByteShare::bytes).sum();
    }

    /** Bytes of all targeted projections before, at 16 bits. */
    long denseProjectionBytes() {
        return report.projections().stream()
                .mapToLong(ProjectionResult::denseBytes)
                .sum();
    }

    /** Bytes of the base model at 16 bits. */
    long denseFileBytes() {
        return denseProjectionBytes()
                + report.bytes().stream().mapToLong(ByteShare::denseBytes).sum();
    }

    /** Targeted projections by layer and type. */
    LayerGrid grid() {
        return new LayerGrid(report.projections());
    }

    /** Short name of a projection's type in legends and heads. */
    static String typeName(ProjectionType type) {
        return type.name().toLowerCase(Locale.ROOT);
    }
}
