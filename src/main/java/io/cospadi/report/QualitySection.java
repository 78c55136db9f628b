package io.cospadi.report;

import io.cospadi.compression.RunReport.Sample;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/** What the models are still worth: perplexities, quality against size, and what they write. */
final class QualitySection implements Section {
    @Override
    public String id() {
        return "quality";
    }

    @Override
    public String title() {
        return "Quality";
    }

    @Override
    public void write(Html html, List<LabelledRun> runs) {
        Scores scores = new Scores(runs);
        List<Plot> rankings = new ArrayList<>();
        for (Scores.Measure measure : scores.measures()) {
            if (measure.perplexity()) {
                rankings.add(ranking("perplexity" + rankings.size(), measure, scores, runs));
            }
        }
        Html pair = new Html();
        if (!rankings.isEmpty()) {
            new Figure(
                            "perplexities",
                            "Perplexity",
                            "exp of the mean negative log-likelihood on " + texts(scores)
                                    + "; shorter is better. Token and word perplexities can't be compared with each"
                                    + " other, nor can windows of different lengths.",
                            rankings,
                            List.of(),
                            false)
                    .write(pair);
        }
        scores.first("token").filter(measure -> runs.size() > 1).ifPresent(measure -> Figure.of(
                        "tradeoff",
                        "Quality against size",
                        "Down and to the left is better: fewer bytes, lower perplexity.",
                        tradeoff(measure, scores, runs))
                .write(pair));
        if (!pair.toString().isEmpty()) {
            html.open("div", "class", "pair").raw(pair.toString()).close("div");
        }
        samples(html, runs);
    }

    private static String texts(Scores scores) {
        LinkedHashSet<String> texts = new LinkedHashSet<>();
        scores.measures().stream()
                .filter(Scores.Measure::perplexity)
                .forEach(measure -> texts.add(LabelledRun.fileName(measure.file())));
        return String.join(", ", texts);
    }

    private static Plot ranking(String id, Scores.Measure measure, Scores scores, List<LabelledRun> runs) {
        List<String> labels = new ArrayList<>();
        List<String> colours = new ArrayList<>();
        List<Double> values = new ArrayList<>();
        for (String model : scores.models()) {
            if (scores.ofDense(model, measure) != null) {
                labels.add(scores.denseLabel(model));
                colours.add("dense");
                values.add(scores.ofDense(model, measure));
            }
        }
        for (LabelledRun run : runs) {
            if (scores.of(run, measure) != null) {
                labels.add(run.label());
                colours.add(run.colour());
                values.add(scores.of(run, measure));
            }
        }
        String title = measure.describe();
        return Plot.of(
                id,
                title.substring(0, 1).toUpperCase(Locale.ROOT) + title.substring(1),
                Plot.Kind.RANKING,
                "model",
                measure.kind() + " perplexity",
                measure.unit(),
                labels,
                List.of(new Plot.Series(measure.kind() + " perplexity", colours, List.of(), values)));
    }

    private static Plot tradeoff(Scores.Measure measure, Scores scores, List<LabelledRun> runs) {
        List<Plot.Series> points = new ArrayList<>();
        for (String model : scores.models()) {
            Double value = scores.ofDense(model, measure);
            runs.stream()
                    .filter(run -> value != null && run.report().run().model().equals(model))
                    .findFirst()
                    .ifPresent(run -> points.add(
                            Plot.Series.point(scores.denseLabel(model), "dense", run.denseFileBytes(), value)));
        }
        for (LabelledRun run : runs) {
            Double value = scores.of(run, measure);
            if (value != null) {
                points.add(Plot.Series.point(run.label(), run.colour(), run.fileBytes(), value));
            }
        }
        return new Plot(
                "tradeoff-plot",
                "Quality against size",
                Plot.Kind.SCATTER,
                "bytes of the model's files",
                "token perplexity",
                measure.unit(),
                Unit.BYTES,
                false,
                null,
                null,
                List.of(),
                points);
    }

    /** Dense first, once for each prompt and model, then each run. */
    private static void samples(Html html, List<LabelledRun> runs) {
        LinkedHashSet<String> prompts = new LinkedHashSet<>();
        runs.forEach(run -> run.report().samples().forEach(sample -> prompts.add(sample.prompt())));
        if (prompts.isEmpty()) {
            return;
        }
        html.element("h3", "What they write");
        for (String prompt : prompts) {
            html.open("div", "class", "samples");
            List<Sample> dense = runs.stream()
                    .map(run -> sample(run, "dense", prompt))
                    .filter(Objects::nonNull)
                    .toList();
            if (!dense.isEmpty()) {
                sample(html, "dense", "dense", dense.get(0));
            }
            for (LabelledRun run : runs) {
                Sample own = sample(run, "compressed", prompt);
                if (own != null) {
                    sample(html, run.label(), run.colour(), own);
                }
            }
            html.close("div");
        }
    }

    private static Sample sample(LabelledRun run, String model, String prompt) {
        return run.report().samples().stream()
                .filter(sample ->
                        sample.model().equals(model) && sample.prompt().equals(prompt))
                .findFirst()
                .orElse(null);
    }

    private static void sample(Html html, String label, String colour, Sample sample) {
        html.open("blockquote", "class", colour);
        boolean timed = sample.tokensPerSecond() > 0;
        html.element("cite", label + (timed ? ", " + Unit.COUNT.format(sample.tokensPerSecond()) + " tokens/s" : ""));
        html.open("p").element("b", sample.prompt()).text(sample.text()).close("p", "blockquote");
    }
}
