package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.calibration.Calibration;
import io.cospadi.calibration.CalibrationSettings;
import io.cospadi.calibration.GramOrigin;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.ModelFingerprint;
import io.cospadi.calibration.TokenWindows;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.decoder.DenseWeights;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * Calibration alone: a Gram store that serves every method and ratio.
 *
 * @param model   dense folder
 * @param data    text or token ids
 * @param out     the store; continued if it is there and of the same calibration
 * @param windows asked for
 * @param window  tokens of each
 * @param random  whether windows are drawn by the seed
 * @param seed    of the draw
 */
public record CalibrationJob(
        Path model, List<Path> data, Path out, int windows, int window, boolean random, long seed) {
    /**
     * Fills the store.
     *
     * @param share of the calibration that is made
     * @return tokens that the store's Grams were summed over
     * @throws CospadiException if the user can set right what is wrong
     * @throws StoppedException if asked to stop; finished layers are kept
     */
    public long run(Share share, Backend backend, JobListener listener, Progress progress, BooleanSupplier stop) {
        Progress stoppable = (done, total) -> {
            if (stop.getAsBoolean()) {
                throw new StoppedException();
            }
            progress.advance(done, total);
        };
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            if (checkpoint.compactBlock() != null) {
                throw new CospadiException(model + " is a compact folder; calibrate the dense model it was made from");
            }
            checkpoint.requireDense();
            TokenWindows tokens = Calibrating.read(
                    checkpoint, new WindowSettings(windows, window, random, seed), data, listener::warning);
            String fingerprint = ModelFingerprint.of(checkpoint, (done, total) -> {
                if (stop.getAsBoolean()) {
                    throw new StoppedException();
                }
            });
            GramStore store = GramStore.create(out, origin(checkpoint, fingerprint, backend, tokens, share));
            Path spill = Files.createDirectories(out.resolve("spill"));
            Calibration.run(
                    new DenseWeights(checkpoint),
                    tokens,
                    store,
                    backend,
                    new CalibrationSettings(CalibrationSettings.DEFAULT_ACTIVATION_BYTES, spill),
                    stoppable);
            WorkFolder.deleteTree(spill);
            return store.tokens();
        } catch (IOException e) {
            throw new CospadiException(
                    out + " can't be written (" + e.getMessage() + "); free some space or change its rights, and run "
                            + "the same command again",
                    e);
        }
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
