package io.cospadi.report;

import io.cospadi.compression.RunReport.Score;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;

/** The figures of all runs, and of their base models, which several runs may share. */
final class Scores {
    /**
     * What makes figures comparable: never compare across kinds, texts or windows.
     *
     * @param kind   "token", "word", "kl", "top1_agreement"
     * @param file   the text
     * @param window tokens
     */
    record Measure(String kind, String file, int window) {
        /** "token perplexity, windows of 1024". */
        String describe() {
            String what =
                    switch (kind) {
                        case "token" -> "token perplexity";
                        case "word" -> "word perplexity";
                        case "kl" -> "KL divergence from dense, nats";
                        case "top1_agreement" -> "same first choice as dense";
                        default -> kind;
                    };
            return what + ", windows of " + window;
        }

        Unit unit() {
            return switch (kind) {
                case "kl" -> Unit.ERROR;
                case "top1_agreement" -> Unit.SHARE;
                default -> Unit.PERPLEXITY;
            };
        }

        boolean perplexity() {
            return kind.equals("token") || kind.equals("word");
        }
    }

    private final List<LabelledRun> runs;

    Scores(List<LabelledRun> runs) {
        this.runs = runs;
    }

    /** All there are, token perplexities first. */
    List<Measure> measures() {
        LinkedHashSet<Measure> measures = new LinkedHashSet<>();
        for (String first : List.of("token", "word", "")) {
            for (LabelledRun run : runs) {
                run.report().scores().stream()
                        .filter(score -> first.isEmpty() || score.kind().equals(first))
                        .forEach(score -> measures.add(new Measure(score.kind(), score.file(), score.window())));
            }
        }
        return new ArrayList<>(measures);
    }

    /** The measure that heads the page. */
    Optional<Measure> first(String kind) {
        return measures().stream()
                .filter(measure -> measure.kind().equals(kind))
                .findFirst();
    }

    /** Base models, each once, in order of the runs. */
    List<String> models() {
        return runs.stream().map(run -> run.report().run().model()).distinct().toList();
    }

    /** Null where it wasn't measured. */
    Double of(LabelledRun run, Measure measure) {
        return find(run, Score.COMPRESSED, measure).orElse(null);
    }

    /** Of a base model, from whichever run has it; null where none does. */
    Double ofDense(String model, Measure measure) {
        return runs.stream()
                .filter(run -> run.report().run().model().equals(model))
                .flatMap(run -> find(run, Score.DENSE, measure).stream())
                .findFirst()
                .orElse(null);
    }

    /** "dense", with the model's name where the page has several. */
    String denseLabel(String model) {
        return models().size() == 1 ? "dense" : "dense " + LabelledRun.fileName(model);
    }

    private static Optional<Double> find(LabelledRun run, String subject, Measure measure) {
        return run.report().scores().stream()
                .filter(score -> score.model().equals(subject)
                        && score.kind().equals(measure.kind())
                        && score.file().equals(measure.file())
                        && score.window() == measure.window())
                .map(Score::value)
                .findFirst();
    }
}
