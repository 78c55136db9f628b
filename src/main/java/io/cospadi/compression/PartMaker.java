package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.Factorization;
import io.cospadi.factorization.GroupFactorizer;
import io.cospadi.factorization.RoundListener;
import io.cospadi.format.PartFile;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Carries out a factorisation's tasks: (recipe, Grams, weights) to part files under a work folder. */
final class PartMaker {
    private final Backend backend;
    private final Recipe recipe;
    private final Path work;
    private final String identity;

    /** @param identity of the job, {@link Fingerprint#identity} */
    PartMaker(Backend backend, Recipe recipe, Path work, String identity) {
        this.backend = backend;
        this.recipe = recipe;
        this.work = work;
        this.identity = identity;
    }

    /**
     * Makes the parts of all members.
     *
     * @param problems of the members
     * @param next     whose problems are asked for behind these, as far as that is known
     * @param progress counts rounds, and one more for what comes after; may throw to end the task
     * @param made     told of each part, before it appears, in the words of the {@link EventJournal}
     */
    void make(
            Task task,
            ProblemSource problems,
            List<Projection> next,
            Progress progress,
            Consumer<Map<String, ?>> made) {
        if (task.k() == 0) {
            makeKeptDense(task);
            return;
        }
        createFolder();
        List<Factorization> results = new GroupFactorizer(
                        recipe.solverSettings(), recipe.sharing().objective())
                .factorize(backend, problems.of(task.projections(), next), task.k(), task.s(), new RoundListener() {
                    @Override
                    public void finished(int round, int rounds, double error) {
                        progress.advance(round, rounds + 1L);
                    }

                    @Override
                    public void queued() {
                        problems.loadNext(
                                Plan.factorizationBytes(recipe, task.members().get(0)));
                    }
                });
        progress.advance(1, 1);
        for (int i = 0; i < results.size(); i++) {
            Projection projection = task.members().get(i).projection();
            Factorization result = results.get(i);
            // first: a part without it would be a part without its times
            made.accept(event(task, projection, result));
            PartFile.write(part(projection), projection, task.group(), result, recipe.precision(), identity);
        }
    }

    /** Makes the part of a projection that stays dense. */
    void makeKeptDense(Task task) {
        createFolder();
        Projection projection = task.members().get(0).projection();
        PartFile.writeKeptDense(part(projection), projection, recipe.precision(), identity);
    }

    private static Map<String, ?> event(Task task, Projection projection, Factorization result) {
        return Map.of(
                "name", projection.name(),
                "k", task.k(),
                "s", task.s(),
                "relative_error", result.relativeError(),
                "atoms_replaced", result.atomsReplaced(),
                "gram_shift", result.gramShift(),
                "seconds", result.seconds(),
                "seconds_by_phase", result.secondsByPhase());
    }

    private Path part(Projection projection) {
        return WorkFolder.part(work, projection, identity);
    }

    private void createFolder() {
        Path parts = WorkFolder.parts(work);
        try {
            Files.createDirectories(parts);
        } catch (IOException e) {
            throw new CospadiException(parts + " can't be made: " + e.getMessage(), e);
        }
    }
}
