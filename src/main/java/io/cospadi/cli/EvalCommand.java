package io.cospadi.cli;

import io.cospadi.backend.Backend;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.ModelFingerprint;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Tokenizer;
import io.cospadi.compression.RecipeException;
import io.cospadi.decoder.DenseWeights;
import io.cospadi.decoder.ModelWeights;
import io.cospadi.evaluation.Divergence;
import io.cospadi.evaluation.Evaluation;
import io.cospadi.evaluation.EvaluationSettings;
import io.cospadi.evaluation.FunctionalError;
import io.cospadi.evaluation.KlDivergence;
import io.cospadi.evaluation.Perplexity;
import io.cospadi.evaluation.ProjectionErrors;
import io.cospadi.evaluation.TokenPerplexity;
import io.cospadi.evaluation.WordPerplexity;
import io.cospadi.format.ModelFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * {@code eval MODEL --text FILE... --stats DIR...}: perplexities of a dense or compact folder, its divergence from a reference,
 * and what its projections lose of the reference's outputs.
 */
@Command(
        name = "eval",
        description = "Measures a dense or compact model on text: perplexities, KL divergence, errors of projections.")
final class EvalCommand implements Callable<Integer> {
    private enum Kind {
        token,
        word
    }

    @Parameters(paramLabel = "MODEL", description = "Dense or compact folder.")
    private Path model;

    @Option(
            names = "--text",
            paramLabel = "FILE",
            arity = "1..*",
            converter = ListedFile.class,
            description = "UTF-8 text, read raw and tokenised once.")
    private List<Path> texts = List.of();

    @Option(
            names = "--stats",
            paramLabel = "DIR",
            arity = "1..*",
            description = "Gram stores of calibrate: each projection's relative error against --reference under them.")
    private List<Path> stats = List.of();

    @Option(names = "--window", paramLabel = "N", description = "Tokens of a window (default: 1024).")
    private int window = EvaluationSettings.DEFAULT_WINDOW;

    @Option(names = "--max-windows", paramLabel = "N", description = "Only the first N windows of token perplexity.")
    private int maxWindows;

    @Option(
            names = "--kind",
            paramLabel = "KIND",
            split = ",",
            description = "Perplexities wanted: token, word (default: token,word).")
    private List<Kind> kinds = List.of(Kind.token, Kind.word);

    @Option(
            names = "--word-window",
            paramLabel = "N",
            description = "Longest context of word perplexity (default: the model's positions).")
    private int wordWindow;

    @Option(
            names = "--reference",
            paramLabel = "DENSE",
            description = "Also KL divergence and top-1 agreement with it on the first text.")
    private Path reference;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;

    EvalCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() throws IOException {
        SharedOptions.atLeast("--window", window, 2);
        SharedOptions.atLeast("--max-windows", maxWindows, 0);
        SharedOptions.atLeast("--word-window", wordWindow, 0);
        if (texts.isEmpty() && stats.isEmpty()) {
            throw RecipeException.usage("name what to measure on: --text FILE, or --stats DIR with --reference DENSE");
        }
        if (!stats.isEmpty() && reference == null) {
            throw RecipeException.usage("--stats needs --reference DENSE, the model that the Grams are of");
        }
        Evaluation evaluation;
        Path spill = Files.createTempDirectory("cospadi-eval");
        try (ModelWeights weights = ModelFolder.open(model);
                Tokenizer tokenizer = texts.isEmpty() ? null : Tokenizer.open(model);
                Backend backend = shared.open(terminal);
                JobDisplay display = new JobDisplay(terminal, System::nanoTime)) {
            EvaluationSettings settings = settings(weights.config(), backend, spill);
            List<ProjectionErrors> errors = stats.isEmpty() ? null : errors(weights, backend, display);
            List<Perplexity> perplexities = new ArrayList<>();
            for (Path file : texts) {
                String text = TextFile.read(file);
                int[] tokens = tokenizer.encode(text);
                if (kinds.contains(Kind.token)) {
                    perplexities.add(TokenPerplexity.evaluate(
                            weights, backend, file.toString(), tokens, settings, progress(display, file)));
                }
                if (kinds.contains(Kind.word)) {
                    if (WordPerplexity.isTokenizedWikiText(text)) {
                        display.warning(file + " is the tokenised version of WikiText: its word perplexity is no "
                                + "paper's figure");
                    }
                    perplexities.add(WordPerplexity.evaluate(
                            weights,
                            backend,
                            file.toString(),
                            text,
                            tokens,
                            prefix(weights),
                            wordWindow,
                            settings,
                            progress(display, file)));
                }
            }
            Divergence divergence = reference == null || texts.isEmpty()
                    ? null
                    : divergence(weights, tokenizer, backend, settings, display);
            evaluation = new Evaluation(model.toString(), backend.name(), perplexities, List.of(), divergence, errors);
        } finally {
            Files.deleteIfExists(spill);
        }
        if (shared.json) {
            terminal.json(evaluation);
        } else {
            terminal.out().print(text(evaluation));
        }
        return ExitStatus.DONE;
    }

    private static TaskProgress progress(JobDisplay display, Path file) {
        return new TaskProgress(display, "reading " + file.getFileName());
    }

    private EvaluationSettings settings(ModelConfig config, Backend backend, Path spill) {
        int longest = !kinds.contains(Kind.word) ? 0 : wordWindow > 0 ? wordWindow : config.maxPositions();
        int models = reference == null ? 1 : 2;
        EvaluationSettings ofLongest =
                EvaluationSettings.on(backend, config, Math.max(window, longest), maxWindows, models, spill);
        return new EvaluationSettings(window, maxWindows, ofLongest.activationBytes(), spill);
    }

    private static int prefix(ModelWeights weights) {
        if (weights.config().bosToken() != null) {
            return weights.config().bosToken();
        }
        int[] end = weights.config().eosTokens();
        return end.length == 0 ? 0 : end[0];
    }

    /** Under each of the stores, which must be of the reference. */
    private List<ProjectionErrors> errors(ModelWeights weights, Backend backend, JobDisplay display) {
        Checkpoint checkpoint = Checkpoint.open(reference);
        try (ModelWeights dense = new DenseWeights(checkpoint)) {
            checkpoint.requireDense();
            List<GramStore> stores = stats.stream().map(GramStore::open).toList();
            String fingerprint = ModelFingerprint.of(checkpoint, new TaskProgress(display, "reading the reference"))
                    .sha256();
            stores.forEach(store -> store.requireUsable(fingerprint));
            return FunctionalError.evaluate(
                    dense, weights, backend, stores, new TaskProgress(display, "comparing projections"));
        }
    }

    /** Over the first text. */
    private Divergence divergence(
            ModelWeights weights,
            Tokenizer tokenizer,
            Backend backend,
            EvaluationSettings settings,
            JobDisplay display) {
        Path file = texts.get(0);
        try (ModelWeights dense = ModelFolder.open(reference)) {
            return KlDivergence.evaluate(
                    dense,
                    reference.toString(),
                    weights,
                    backend,
                    file.toString(),
                    tokenizer.encode(TextFile.read(file)),
                    settings,
                    new TaskProgress(display, "comparing"));
        }
    }

    private static String text(Evaluation evaluation) {
        StringBuilder text = new StringBuilder();
        for (Perplexity p : evaluation.perplexity()) {
            text.append(String.format(
                    Locale.ROOT,
                    "%s perplexity %.4f  (%s; window %d, %d scored tokens%s)%n",
                    p.kind(),
                    p.value(),
                    p.file(),
                    p.window(),
                    p.tokens(),
                    p.words() == null ? "" : ", " + p.words() + " words"));
        }
        Divergence kl = evaluation.kl();
        if (kl != null) {
            text.append(String.format(
                    Locale.ROOT,
                    "KL divergence from %s %.5f nats, top-1 agreement %.2f %%  (%s; %d tokens)%n",
                    kl.reference(),
                    kl.mean(),
                    100 * kl.top1Agreement(),
                    kl.file(),
                    kl.tokens()));
        }
        if (evaluation.errors() != null) {
            text.append(ErrorsView.text(evaluation.errors()));
        }
        return text.toString();
    }
}
