package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.budget.Allocation;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.Factorization;
import io.cospadi.factorization.GroupFactorizer;
import io.cospadi.format.PartFile;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * One part file for each targeted projection. Sound parts of earlier runs are kept, damaged ones are computed again, with all
 * that share their dictionary. In memory: the weights and Grams of one task, the solver's matrices.
 */
final class Factorizing {
    private final JobSession session;
    private final Checkpoint model;
    private final Recipe recipe;
    private final WorkFolder work;
    private final EventJournal journal;
    private final String fingerprint;
    private final PartCheck check;
    private final List<Task> missing = new ArrayList<>();
    private final List<Path> parts = new ArrayList<>();

    Factorizing(
            JobSession session,
            Checkpoint model,
            Recipe recipe,
            WorkFolder work,
            EventJournal journal,
            String fingerprint,
            List<Allocation> allocations) {
        this.session = session;
        this.model = model;
        this.recipe = recipe;
        this.work = work;
        this.journal = journal;
        this.fingerprint = fingerprint;
        this.check = new PartCheck(fingerprint, allocations, recipe.method());
        Set<Allocation> unsound = new HashSet<>();
        for (Allocation allocation : allocations) {
            session.checkStop();
            Path part = work.part(allocation.projection(), fingerprint);
            parts.add(part);
            if (!isSound(part, allocation.projection())) {
                unsound.add(allocation);
            }
        }
        for (Task task : Task.of(allocations)) {
            if (task.members().stream().anyMatch(unsound::contains)) {
                missing.add(task);
                session.meter().expect(WorkMeter.Kind.FACTORIZE, task.flops(recipe));
            }
        }
    }

    /** All part files, those still missing included, in the model's order. */
    List<Path> parts() {
        return parts;
    }

    /** How many parts are left to be made. */
    int missing() {
        return missing.stream().mapToInt(task -> task.members().size()).sum();
    }

    private boolean isSound(Path file, Projection projection) {
        if (!Files.exists(file)) {
            return false;
        }
        Optional<String> defect = check.defect(file, projection);
        defect.ifPresent(what -> {
            session.warn("part of " + projection.name() + " can't be used and is computed again: " + what);
            journal.record("part_damaged", Map.of("projection", projection.name(), "defect", what));
        });
        return defect.isEmpty();
    }

    /** Makes the missing parts. */
    void run(GramStore grams) {
        Backend backend = session.environment().backend();
        createFolder();
        double before = 0;
        try (LoadedProblems loaded = new LoadedProblems(backend, model, recipe, grams)) {
            for (Task task : missing) {
                if (task.k() == 0) {
                    Projection projection = task.members().get(0).projection();
                    PartFile.writeKeptDense(
                            work.part(projection, fingerprint), projection, recipe.precision(), fingerprint);
                } else {
                    before += factorize(backend, task, loaded, before);
                }
            }
        }
    }

    private void createFolder() {
        try {
            Files.createDirectories(work.parts());
        } catch (IOException e) {
            throw new CospadiException(work.parts() + " can't be made: " + e.getMessage(), e);
        }
    }

    private double factorize(Backend backend, Task task, LoadedProblems loaded, double before) {
        double units = task.flops(recipe);
        String doing = "factorising " + task.name();
        session.reached(doing, before);
        List<Factorization> results = new GroupFactorizer(
                        recipe.solverSettings(), recipe.sharing().objective())
                .factorize(
                        backend,
                        loaded.of(task.projections()),
                        task.k(),
                        task.s(),
                        (round, rounds, error) -> session.reached(doing, before + units * round / (rounds + 1.0)));
        session.checkStop();
        for (int i = 0; i < results.size(); i++) {
            write(task, task.members().get(i).projection(), results.get(i));
        }
        session.reached(doing, before + units);
        return units;
    }

    private void write(Task task, Projection projection, Factorization result) {
        // the event first: a part without one would be a part without its times
        journal.record(
                "projection",
                Map.of(
                        "name", projection.name(),
                        "k", task.k(),
                        "s", task.s(),
                        "relative_error", result.relativeError(),
                        "atoms_replaced", result.atomsReplaced(),
                        "gram_shift", result.gramShift(),
                        "seconds", result.seconds(),
                        "seconds_by_phase", result.secondsByPhase()));
        Path part = work.part(projection, fingerprint);
        PartFile.write(part, projection, task.group(), result, recipe.precision(), fingerprint);
    }
}
