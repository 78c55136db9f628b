package io.cospadi.cli;

import io.cospadi.backend.Backend;
import io.cospadi.calibration.GradientSettings;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.LabelSource;
import io.cospadi.calibration.OutputCovariance;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.compression.CalibrationJob;
import io.cospadi.compression.GradientPlan;
import io.cospadi.compression.RecipeException;
import io.cospadi.compression.Share;
import io.cospadi.compression.StoppedException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code calibrate MODEL --data FILE... --out STATS}: Grams and gradients for later, for any method and ratio. */
@Command(
        name = "calibrate",
        description = "Runs text through a dense model and keeps the Gram matrix of every layer's inputs, and the mean"
                + " square of the loss gradient at every projection's output.")
final class CalibrateCommand implements Callable<Integer> {
    @Parameters(paramLabel = "MODEL", description = "Hugging Face folder of a dense model.")
    private Path model;

    @Option(
            names = "--data",
            paramLabel = "FILE",
            arity = "1..*",
            converter = ListedFile.class,
            required = true,
            description = "Calibration text: .txt, .jsonl with \"text\", or token ids as .ids or .json.")
    private List<Path> data;

    @Option(names = "--out", paramLabel = "STATS", required = true, description = "Folder of the Gram store.")
    private Path out;

    @Option(names = "--windows", paramLabel = "N", description = "Windows (default: 256).")
    private int windows = 256;

    @Option(names = "--window", paramLabel = "N", description = "Tokens in each (default: 1024).")
    private int window = 1024;

    @Option(
            names = "--sample",
            paramLabel = "NAME",
            converter = Choices.SamplingName.class,
            description = "Windows taken: consecutive (default) or random.")
    private String sample = "consecutive";

    @Option(
            names = "--gradient-windows",
            paramLabel = "N",
            description = "Windows that gradients are taken on; 0: none (default: 16).")
    private int gradientWindows = GradientPlan.DEFAULT_WINDOWS;

    @Option(
            names = "--gradient-window",
            paramLabel = "N",
            description = "Tokens in each (default: 512, or as many as --window if that is fewer).")
    private Integer gradientWindow;

    @Option(
            names = "--labels",
            paramLabel = "NAME",
            converter = Choices.LabelName.class,
            description = "Tokens whose loss has the gradients: drawn by the model (default) or of the text.")
    private LabelSource labels = GradientSettings.DEFAULT.labels();

    @Option(
            names = "--gradient-clipping",
            paramLabel = "X",
            description = "Longest gradient of a token, in medians of its window (default: 10).")
    private double clipping = GradientSettings.DEFAULT.clipping();

    @Option(
            names = "--output-covariance",
            paramLabel = "NAME",
            converter = Choices.CovarianceName.class,
            description = "Kept of the gradients at each output: diagonal (default), or full, which kfac-svd can use.")
    private OutputCovariance covariance = GradientSettings.DEFAULT.covariance();

    @Option(
            names = "--weight-gradients",
            description = "Also keep the gradient of every weight, which zero-sum-svd needs; with --labels text.")
    private boolean weightGradients;

    @Option(names = "--seed", paramLabel = "N", description = "Seed of random windows and of labels (default: 42).")
    private long seed = 42;

    @Option(names = "--shard", paramLabel = "I/N", description = "Only share I (from 0) of N; merge-stats joins them.")
    private String shard = "0/1";

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;
    private final StopSignal stop;

    CalibrateCommand(Terminal terminal, StopSignal stop) {
        this.terminal = terminal;
        this.stop = stop;
    }

    @Override
    public Integer call() {
        SharedOptions.atLeast("--windows", windows, 1);
        SharedOptions.atLeast("--window", window, 2);
        SharedOptions.atLeast("--gradient-windows", gradientWindows, 0);
        if (gradientWindow != null) {
            SharedOptions.atLeast("--gradient-window", gradientWindow, 2);
        }
        if (!(clipping > 0)) {
            throw RecipeException.usage("--gradient-clipping is above 0; found " + clipping);
        }
        if (weightGradients && labels != LabelSource.TEXT) {
            throw RecipeException.usage(
                    "--weight-gradients needs --labels text: over labels that the model draws itself, the"
                            + " gradients' mean is 0");
        }
        if (gradientWindows == 0 && (weightGradients || covariance == OutputCovariance.FULL)) {
            throw RecipeException.usage(
                    "--weight-gradients and --output-covariance full need gradients; found" + " --gradient-windows 0");
        }
        Share share = Share.parse(shard);
        String resume = "finished layers are kept in " + out + "; the same command resumes";
        stop.orderly(resume);
        GramStore store;
        try (Backend backend = shared.open(terminal);
                JobDisplay display = new JobDisplay(terminal, System::nanoTime)) {
            store = job().run(share, backend, display, doing -> new TaskProgress(display, doing), stop::requested);
        } catch (StoppedException e) {
            terminal.failure("stopped; " + resume);
            return ExitStatus.STOPPED;
        }
        StoreView.print(out, store, shared.json, terminal);
        return ExitStatus.DONE;
    }

    private CalibrationJob job() {
        WindowSettings grams = new WindowSettings(windows, window, sample.equals("random"), seed);
        GradientSettings settings = new GradientSettings(labels, seed, clipping, covariance, weightGradients);
        return new CalibrationJob(
                model,
                data,
                out,
                grams,
                gradientWindows == 0
                        ? Optional.empty()
                        : Optional.of(GradientPlan.beside(
                                grams,
                                gradientWindows,
                                gradientWindow == null ? OptionalInt.empty() : OptionalInt.of(gradientWindow),
                                settings)));
    }
}
