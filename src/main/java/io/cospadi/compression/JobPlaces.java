package io.cospadi.compression;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Where a job reads and writes, and how it treats what is there: everything that does not change the result.
 *
 * @param model    Hugging Face folder
 * @param out      the compact folder to be; work goes to {@link #work()}
 * @param data     calibration text; empty if {@code stats} is given
 * @param stats    a Gram store to use instead
 * @param perplexityText held-out text by whose perplexity the ratio is chosen, where the recipe asks for that
 * @param keepWork whether the work folder stays after success
 * @param force    whether an existing {@code out} is replaced, at the end
 */
public record JobPlaces(
        Path model,
        Path out,
        List<Path> data,
        Optional<Path> stats,
        Optional<Path> perplexityText,
        boolean keepWork,
        boolean force) {
    public JobPlaces {
        data = List.copyOf(data);
    }

    /** Of a job whose ratio is given. */
    public JobPlaces(Path model, Path out, List<Path> data, Optional<Path> stats, boolean keepWork, boolean force) {
        this(model, out, data, stats, Optional.empty(), keepWork, force);
    }

    /** The work folder, beside {@code out} and on its file system: {@code DIR.work}. */
    public Path work() {
        return work(out);
    }

    /** The same of any {@code out}. */
    static Path work(Path out) {
        return beside(out, "work");
    }

    /** The work folder of one share: {@code DIR.1-of-4.work}. */
    public Path work(Share share) {
        return beside(out, share.index() + "-of-" + share.count() + ".work");
    }

    /** The work folder of the sizes that all shares use, where they need a step of their own: {@code DIR.budget.work}. */
    public Path budgetWork() {
        return beside(out, "budget.work");
    }

    private static Path beside(Path out, String ending) {
        Path absolute = out.toAbsolutePath().normalize();
        return absolute.resolveSibling(absolute.getFileName() + "." + ending);
    }
}
