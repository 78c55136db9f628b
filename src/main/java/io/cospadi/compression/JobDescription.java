package io.cospadi.compression;

import io.cospadi.calibration.ModelFingerprint;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What all tasks of a job have in common, small enough to be sent.
 *
 * @param recipeText        as {@link RecipeText} writes it
 * @param model             dense folder; this and all other places are absolute
 * @param out               the compact folder to be, beside whose name the job's work folder is
 * @param stats             Gram store that was given; null where the job calibrates
 * @param calibrationShares that the windows are divided into
 * @param weights           which model it is
 * @param fingerprint       identity of the job's {@link Fingerprint}
 * @param backend           identity of what computes
 */
public record JobDescription(
        String recipeText,
        String model,
        String out,
        String stats,
        int calibrationShares,
        ModelFingerprint weights,
        String fingerprint,
        String backend)
        implements Serializable {
    static JobDescription of(
            Recipe recipe,
            JobPlaces places,
            int calibrationShares,
            ModelFingerprint weights,
            Fingerprint fingerprint,
            String backend) {
        return new JobDescription(
                new String(RecipeText.yaml(recipe), StandardCharsets.UTF_8),
                absolute(places.model()),
                absolute(places.out()),
                places.stats().map(JobDescription::absolute).orElse(null),
                calibrationShares,
                weights,
                fingerprint.identity(),
                backend);
    }

    private static String absolute(Path path) {
        return path.toAbsolutePath().normalize().toString();
    }

    Recipe recipe() {
        return RecipeDocument.parse(recipeText, "of the job").recipe();
    }

    /** Of a task: it reads tokens, not the text that they came from. */
    JobPlaces places() {
        List<Path> data = stats == null ? List.of(tokens()) : List.of();
        return new JobPlaces(
                Path.of(model), Path.of(out), data, Optional.ofNullable(stats).map(Path::of), false, false);
    }

    /** The calibration's tokens, where the job calibrates: its own process leaves them here, so none else tokenises. */
    Path tokens() {
        return JobPlaces.work(Path.of(out)).resolve(WorkFolder.TOKENS);
    }

    /** Where the Grams are, or will be. */
    Path grams() {
        return stats == null ? places().work().resolve(WorkFolder.GRAMS) : Path.of(stats);
    }

    /** Where a share's Grams and gradients go: a store of its own, unless it is all of them. */
    Path grams(Share share) {
        return share.count() == 1
                ? grams()
                : places().work().resolve(WorkFolder.GRAMS + "." + share.index() + "-of-" + share.count());
    }

    /** All shares of the calibration. */
    List<Share> shares() {
        return Share.all(calibrationShares);
    }
}
