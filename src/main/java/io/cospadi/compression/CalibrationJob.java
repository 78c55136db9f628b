package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.calibration.Calibration;
import io.cospadi.calibration.CalibrationSettings;
import io.cospadi.calibration.GradientStore;
import io.cospadi.calibration.GramOrigin;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.ModelFingerprint;
import io.cospadi.calibration.OutputGradients;
import io.cospadi.calibration.TokenStream;
import io.cospadi.calibration.TokenWindows;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.FileFailure;
import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.decoder.ActivationMemory;
import io.cospadi.decoder.DenseWeights;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DeviceMemoryException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Calibration alone: a Gram store that serves every method and ratio.
 *
 * @param model     dense folder
 * @param data      text or token ids
 * @param out       the store; continued if it is there and of the same calibration
 * @param windows   that Grams are summed over
 * @param gradients taken as well, if any
 */
public record CalibrationJob(
        Path model, List<Path> data, Path out, WindowSettings windows, Optional<GradientPlan> gradients) {
    /**
     * Fills the store.
     *
     * @param share    of the calibration that is made
     * @param progress of each task, by what it is called
     * @return the store, finished
     * @throws CospadiException if the user can set right what is wrong
     * @throws StoppedException if asked to stop; finished layers are kept
     */
    public GramStore run(
            Share share,
            Backend backend,
            JobListener listener,
            Function<String, Progress> progress,
            BooleanSupplier stop) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            if (checkpoint.compactBlock() != null) {
                throw new CospadiException(model + " is a compact folder; calibrate the dense model it was made from");
            }
            checkpoint.requireDense();
            GramStore.requireFree(out);
            List<WindowSettings> wanted = Stream.concat(
                            Stream.of(windows), gradients.map(GradientPlan::windows).stream())
                    .toList();
            TokenStream stream = Calibrating.tokens(checkpoint, wanted, data);
            TokenWindows tokens = Calibrating.cut(checkpoint, stream, windows, "--window", listener::warning);
            Optional<TokenWindows> gradientTokens = gradients.map(plan ->
                    Calibrating.cut(checkpoint, stream, plan.windows(), "--gradient-window", listener::warning));
            ModelConfig config = checkpoint.config();
            long ofGrams = Calibration.peakBytes(config, tokens.found(), tokens.length(), ActivationMemory.LEAST_BYTES);
            long ofGradients = gradientTokens
                    .map(w -> PeakMemory.gradients(
                            config, w.found(), w.length(), gradients.get().settings()))
                    .orElse(0L);
            JobChecks.requireMemory(backend, model, Math.max(ofGrams, ofGradients));
            long keptOfGrams = ActivationMemory.of(backend, ofGrams);
            long keptOfGradients = ActivationMemory.of(backend, ofGradients);
            requireSpace(config, share, tokens, keptOfGrams, gradientTokens, keptOfGradients);
            String fingerprint = ModelFingerprint.of(checkpoint, stoppable(Progress.NONE, stop))
                    .sha256();
            GramStore store = GramStore.create(out, origin(checkpoint, fingerprint, backend, tokens, share));
            Path spill = Files.createDirectories(out.resolve("spill"));
            DenseWeights weights = new DenseWeights(checkpoint);
            Calibration.run(
                    weights,
                    tokens,
                    store,
                    backend,
                    new CalibrationSettings(keptOfGrams, spill),
                    stoppable(progress.apply("calibrating"), stop));
            if (gradients.isPresent()) {
                TokenWindows windowsBack = gradientTokens.get();
                GradientStore gradientStore = GradientStore.create(
                        out,
                        origin(checkpoint, fingerprint, backend, windowsBack, share),
                        gradients.get().settings());
                OutputGradients.run(
                        weights,
                        windowsBack,
                        gradientStore,
                        backend,
                        new CalibrationSettings(keptOfGradients, spill),
                        stoppable(progress.apply("taking gradients"), stop));
            }
            WorkFolder.deleteTree(spill);
            return store;
        } catch (DeviceMemoryException e) {
            throw e.inJob("calibrating with windows of " + windows.length() + " tokens");
        } catch (IOException e) {
            throw new CospadiException(
                    out + " can't be written (" + FileFailure.reason(e)
                            + "); free some space or change its rights, and run " + "the same command again",
                    e);
        }
    }

    /** The sums that are missing, and the larger of the temporary files of both passes, which follow each other. */
    private void requireSpace(
            ModelConfig config,
            Share share,
            TokenWindows tokens,
            long keptOfGrams,
            Optional<TokenWindows> gradientTokens,
            long keptOfGradients) {
        long ofToken = (long) Float.BYTES * config.hiddenSize();
        long grams = Calibration.missingBytes(config, share.index(), share.count(), out);
        long spill = grams == 0 ? 0 : ofToken * tokens.tokens() / share.count() - keptOfGrams;
        long ofGradients = 0;
        if (gradientTokens.isPresent()) {
            ofGradients =
                    OutputGradients.missingBytes(config, gradients.get().settings(), share.index(), share.count(), out);
            // the inputs of all layers and of the head, and the gradients
            long states = (config.layers() + 2) * ofToken * gradientTokens.get().tokens() / share.count();
            spill = Math.max(spill, ofGradients == 0 ? 0 : states - keptOfGradients);
        }
        DiskSpace.require(out, grams + ofGradients + Math.max(0, spill));
    }

    private static Progress stoppable(Progress progress, BooleanSupplier stop) {
        return (done, total) -> {
            if (stop.getAsBoolean()) {
                throw new StoppedException();
            }
            progress.advance(done, total);
        };
    }

    private static GramOrigin origin(
            Checkpoint checkpoint, String fingerprint, Backend backend, TokenWindows tokens, Share share) {
        try {
            return GramOrigin.shard(
                    fingerprint, backend, checkpoint.config().layers(), tokens, share.index(), share.count());
        } catch (IllegalArgumentException e) {
            throw RecipeException.usage("--" + e.getMessage());
        }
    }
}
