package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.calibration.Calibration;
import io.cospadi.calibration.CalibrationSettings;
import io.cospadi.calibration.GradientSettings;
import io.cospadi.calibration.GradientStore;
import io.cospadi.calibration.GramOrigin;
import io.cospadi.calibration.GramSource;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.OutputCovariance;
import io.cospadi.calibration.OutputGradients;
import io.cospadi.calibration.TokenStream;
import io.cospadi.calibration.TokenWindows;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.FileFailure;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.Tokenizer;
import io.cospadi.decoder.ActivationMemory;
import io.cospadi.decoder.DenseWeights;
import io.cospadi.factorization.Method;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Where a job's Grams come from, and the gradients where it follows the loss: text that it runs through the model itself, or a
 * store that is there already.
 */
final class Calibrating {
    private final Optional<TokenStream> tokens;
    private final Optional<TokenWindows> windows;
    private final Optional<TokenWindows> gradientWindows;
    private final GradientSettings gradientSettings;
    private final Optional<GramStore> given;
    private final boolean gradients;
    private final List<String> sources;
    private final Optional<HeldOutText> heldOut;

    private Calibrating(
            Recipe recipe,
            Optional<TokenStream> tokens,
            Optional<TokenWindows> windows,
            Optional<TokenWindows> gradientWindows,
            Optional<GramStore> given,
            List<String> sources,
            Optional<HeldOutText> heldOut) {
        this.tokens = tokens;
        this.windows = windows;
        this.gradientWindows = gradientWindows;
        this.gradientSettings = OutputLoss.settings(recipe);
        this.given = given;
        this.gradients = OutputLoss.isNeeded(recipe);
        this.sources = sources;
        this.heldOut = heldOut;
    }

    private static WindowSettings gramWindows(Recipe recipe) {
        return new WindowSettings(recipe.windows(), recipe.window(), recipe.sample() == Sampling.RANDOM, recipe.seed());
    }

    /** The windows that a job takes gradients on, where it takes any. */
    static Optional<WindowSettings> gradientWindows(Recipe recipe) {
        return OutputLoss.isNeeded(recipe)
                ? Optional.of(GradientPlan.beside(
                                gramWindows(recipe),
                                GradientPlan.DEFAULT_WINDOWS,
                                OptionalInt.empty(),
                                OutputLoss.settings(recipe))
                        .windows())
                : Optional.empty();
    }

    /**
     * Reads and cuts the text, or opens the store; computes nothing.
     *
     * @param warning told if there is less text than asked for
     * @throws CospadiException if there is not one window, an id is not in the vocabulary, or the store can't be read or holds
     *     no gradients where the job needs them
     */
    static Calibrating prepare(Consumer<String> warning, Checkpoint model, Recipe recipe, JobPlaces places) {
        if (places.stats().isPresent()) {
            Path folder = places.stats().get();
            if (recipe.propagation().sequential()) {
                throw new CospadiException("--propagate " + recipe.propagation().option()
                        + " runs the text through the model as it is compressed, which " + folder
                        + " doesn't hold; give --data instead of --stats, or choose --propagate dense");
            }
            GramStore store = GramStore.open(folder);
            if (OutputLoss.isNeeded(recipe) && !store.hasOutputWeights()) {
                throw new CospadiException(
                        folder + " holds Grams but no gradients, which budget auto and objective loss "
                                + "need; calibrate with --gradient-windows, or choose --budget uniform --objective output");
            }
            if (OutputLoss.needsWeightGradients(recipe)
                    && !store.gradients().settings().weights()) {
                throw new CospadiException(
                        folder + " holds no gradients of weights, by which zero-sum-svd chooses ranks; "
                                + "calibrate with --weight-gradients --labels text, or choose --budget uniform");
            }
            if (recipe.outputs().covariance() == OutputCovariance.FULL
                    && store.gradients().settings().covariance() == OutputCovariance.DIAGONAL) {
                if (recipe.method() != Method.KFAC_SVD) {
                    throw new CospadiException(
                            folder + " keeps the diagonal of the gradients' covariance alone; calibrate with "
                                    + "--output-covariance full, or leave it diagonal here");
                }
                warning.accept(folder
                        + " keeps the diagonal of the gradients' covariance alone, so kfac-svd whitens outputs by"
                        + " that; calibrate with --output-covariance full for all of it");
            }
            return new Calibrating(
                    recipe,
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.of(store),
                    List.of(folder.getFileName().toString()),
                    HeldOutText.read(model, recipe, places));
        }
        List<WindowSettings> wanted = Stream.concat(Stream.of(gramWindows(recipe)), gradientWindows(recipe).stream())
                .toList();
        TokenStream tokens = tokens(model, wanted, places.data());
        TokenWindows windows = cut(model, tokens, gramWindows(recipe), "--window", warning);
        // a text that is short of these is short of the others, and the warning stands already
        Optional<TokenWindows> gradientWindows =
                gradientWindows(recipe).map(settings -> cut(model, tokens, settings, "--window", known -> {}));
        return new Calibrating(
                recipe,
                Optional.of(tokens),
                Optional.of(windows),
                gradientWindows,
                Optional.empty(),
                places.data().stream()
                        .map(file -> file.getFileName().toString())
                        .toList(),
                HeldOutText.read(model, recipe, places));
    }

    /**
     * Calibration windows of some files.
     *
     * @param option  that gives their length, for messages
     * @param warning told if there are fewer than asked for
     */
    static TokenWindows read(
            Checkpoint model, WindowSettings settings, String option, List<Path> files, Consumer<String> warning) {
        return cut(model, tokens(model, List.of(settings), files), settings, option, warning);
    }

    /** Windows of tokens that {@link #tokens} has read for them, perhaps among others. */
    static TokenWindows cut(
            Checkpoint model, TokenStream tokens, WindowSettings settings, String option, Consumer<String> warning) {
        requirePositions(model, settings, option);
        TokenWindows windows = tokens.windows(settings);
        if (windows.found() < windows.askedFor()) {
            warning.accept("the calibration text holds " + windows.found() + " windows of " + windows.length()
                    + " tokens, fewer than the " + windows.askedFor() + " asked for; using those");
        }
        return windows;
    }

    private static void requirePositions(Checkpoint model, WindowSettings settings, String option) {
        if (settings.length() > model.config().maxPositions()) {
            throw new CospadiException(option + " " + settings.length() + " is longer than the model's "
                    + model.config().maxPositions() + " positions; choose a shorter one");
        }
    }

    /** Reads files once for all windows that are wanted. */
    static TokenStream tokens(Checkpoint model, List<WindowSettings> wanted, List<Path> files) {
        boolean text = files.stream().anyMatch(Calibrating::isText);
        if (!text) {
            return TokenStream.read(files, ignored -> new int[0], model.config().vocabSize(), wanted);
        }
        try (Tokenizer tokenizer = Tokenizer.open(model.folder())) {
            return TokenStream.read(files, tokenizer::encode, model.config().vocabSize(), wanted);
        }
    }

    private static boolean isText(Path file) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        return !name.endsWith(".ids") && !name.endsWith(".json");
    }

    /** Name and value of the fingerprint's field for the data. */
    List<String> fingerprint() {
        if (windows.isPresent()) {
            return List.of(
                    "data",
                    describe(windows.get())
                            + gradientWindows
                                    .map(w -> ", gradients " + describe(w) + " " + gradientSettings)
                                    .orElse("")
                            + describeHeldOut());
        }
        GramStore store = given.orElseThrow();
        return List.of(
                "stats",
                store.origin()
                        + (gradients
                                ? ", gradients " + store.gradients().origin() + " "
                                        + store.gradients().settings()
                                : "")
                        + describeHeldOut());
    }

    private String describeHeldOut() {
        return heldOut.map(text -> ", held out " + describe(text.windows())).orElse("");
    }

    private static String describe(TokenWindows w) {
        return w.sha256() + " (" + w.found() + " windows of " + w.length() + " tokens)";
    }

    /** Text by whose perplexity the ratio is chosen, where the recipe asks for that. */
    Optional<HeldOutText> heldOut() {
        return heldOut;
    }

    /** Whether there are Grams to be made. */
    boolean makesGrams() {
        return windows.isPresent();
    }

    /**
     * The windows that the Grams are summed over, for whoever runs them through a model again.
     *
     * @throws IllegalStateException if a store was given
     */
    TokenWindows windows() {
        return windows.orElseThrow(() -> new IllegalStateException("a Gram store has no windows"));
    }

    /** Tokens that the Grams are summed over. */
    long tokens() {
        return windows.map(TokenWindows::tokens)
                .orElseGet(() -> given.orElseThrow().tokens());
    }

    /** Leaves the tokens for tasks elsewhere, which need no tokenizer then and can't come to other windows. */
    void writeTokens(Path ids) {
        tokens.orElseThrow().write(ids);
    }

    /** For report and manifest. */
    RunReport.Calibration describe(Recipe recipe) {
        if (windows.isPresent()) {
            TokenWindows w = windows.get();
            return new RunReport.Calibration(sources, w.askedFor(), w.found(), w.length(), w.tokens(), w.sha256());
        }
        List<GramSource> origins = given.orElseThrow().origin().sources();
        return new RunReport.Calibration(
                sources,
                origins.stream().mapToInt(GramSource::windowsAsked).sum(),
                origins.stream().mapToInt(GramSource::windows).sum(),
                origins.get(0).windowLength(),
                tokens(),
                String.join(" ", origins.stream().map(GramSource::dataSha256).toList()));
    }

    /** Announces what is left to be done in the work folder's store. */
    void announce(JobSession session, Checkpoint model, WorkFolder work) {
        if (makesGrams()) {
            session.meter().expect(WorkMeter.Kind.CALIBRATE, flops(model, work) + gradientFlops(model));
        }
    }

    private double flops(Checkpoint model, WorkFolder work) {
        int layers = model.config().layers();
        int finished = 0;
        if (GramStore.exists(work.grams())) {
            finished = GramStore.open(work.grams()).finishedLayers();
        }
        return finished < layers ? gramFlops(model) : 0;
    }

    /** Operations of {@link #grams}, all shares. */
    double gramFlops(Checkpoint model) {
        double flops = 0;
        for (int layer = 0; layer < model.config().layers(); layer++) {
            flops += FlopCounts.calibration(
                    model.config(), layer, tokens(), windows.orElseThrow().length());
        }
        return flops;
    }

    /** Operations of {@link #gradients}, all shares; 0 where the job takes none. */
    double gradientFlops(Checkpoint model) {
        return gradientWindows
                .map(w -> FlopCounts.gradients(model.config(), w.tokens(), w.length()))
                .orElse(0.0);
    }

    /** Whether there are gradients to be made. */
    boolean makesGradients() {
        return gradientWindows.isPresent();
    }

    /** The Grams and, where they are needed, the gradients, made now as far as they are missing. */
    GramStore run(JobSession session, Checkpoint model, String modelFingerprint, WorkFolder work) {
        if (!makesGrams()) {
            return requireGiven(modelFingerprint);
        }
        double flops = flops(model, work);
        try {
            Path spill = Files.createDirectories(work.folder().resolve("spill"));
            Making making =
                    new Making(model, modelFingerprint, session.environment().backend(), spill, false);
            GramStore store = grams(making, work.grams(), Share.WHOLE, session.progress("calibrating", 0, flops));
            if (makesGradients()) {
                gradients(
                        making,
                        work.grams(),
                        Share.WHOLE,
                        session.progress("taking gradients", flops, gradientFlops(model)));
            }
            WorkFolder.deleteTree(spill);
            return store;
        } catch (IOException e) {
            throw new CospadiException(
                    work.folder() + " can't be written (" + FileFailure.reason(e)
                            + "); free some space and run the same command again",
                    e);
        }
    }

    /**
     * The store that was given.
     *
     * @throws CospadiException if it is not finished, or of another model
     */
    GramStore requireGiven(String modelFingerprint) {
        GramStore store = given.orElseThrow();
        store.requireUsable(modelFingerprint);
        if (gradients) {
            store.gradients().requireUsable(modelFingerprint);
        }
        return store;
    }

    /**
     * What sums are made with.
     *
     * @param fingerprint of the model
     * @param spill       existing folder for temporary files
     * @param shared      whether copies of the same share may be at work at the same time
     */
    record Making(Checkpoint model, String fingerprint, Backend backend, Path spill, boolean shared) {
        private GramOrigin origin(TokenWindows windows, Share share) {
            return GramOrigin.shard(
                    fingerprint, backend, model.config().layers(), windows, share.index(), share.count());
        }

        /** @param foretold bytes that the pass takes with the least hidden states in memory */
        private CalibrationSettings settings(long foretold) {
            return new CalibrationSettings(ActivationMemory.of(backend, foretold), spill);
        }

        private ModelConfig config() {
            return model.config();
        }
    }

    /** A share of the Grams, as far as they are missing in the store. */
    GramStore grams(Making making, Path folder, Share share, Progress progress) {
        TokenWindows all = windows.orElseThrow();
        GramStore store = GramStore.create(folder, making.origin(all, share), making.shared());
        CalibrationSettings settings = making.settings(
                Calibration.peakBytes(making.config(), all.found(), all.length(), ActivationMemory.LEAST_BYTES));
        Calibration.run(new DenseWeights(making.model()), all, store, making.backend(), settings, progress);
        return store;
    }

    /** A share of the gradients, as far as they are missing in the folder of the Grams. */
    void gradients(Making making, Path folder, Share share, Progress progress) {
        TokenWindows all = gradientWindows.orElseThrow();
        GradientStore store =
                GradientStore.create(folder, making.origin(all, share), gradientSettings, making.shared());
        CalibrationSettings settings =
                making.settings(PeakMemory.gradients(making.config(), all.found(), all.length(), gradientSettings));
        OutputGradients.run(new DenseWeights(making.model()), all, store, making.backend(), settings, progress);
    }
}
