package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.budget.Allocation;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.Factorization;
import io.cospadi.factorization.Factorizer;
import io.cospadi.factorization.OutputWeights;
import io.cospadi.factorization.Problem;
import io.cospadi.format.PartFile;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One part file for each targeted projection, in the model's order. Sound parts of earlier runs are kept, damaged ones are
 * computed again. In memory: one weight, its Gram, the solver's matrices.
 */
final class Factorizing {
    private final JobSession session;
    private final Checkpoint model;
    private final Recipe recipe;
    private final WorkFolder work;
    private final EventJournal journal;
    private final String fingerprint;
    private final PartCheck check;
    private final List<Allocation> missing = new ArrayList<>();
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
        this.check = new PartCheck(fingerprint, allocations);
        for (Allocation allocation : allocations) {
            session.checkStop();
            Path part = work.part(allocation.projection(), fingerprint);
            parts.add(part);
            if (!isSound(part, allocation.projection())) {
                missing.add(allocation);
                session.meter().expect(WorkMeter.Kind.FACTORIZE, Plan.flops(recipe, allocation));
            }
        }
    }

    /** All part files, those still missing included, in the model's order. */
    List<Path> parts() {
        return parts;
    }

    /** How many parts are left to be made. */
    int missing() {
        return missing.size();
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
        String site = "";
        Matrix gram = null;
        double before = 0;
        try {
            for (Allocation allocation : missing) {
                Projection projection = allocation.projection();
                if (allocation.isDense()) {
                    PartFile.writeKeptDense(
                            work.part(projection, fingerprint), projection, recipe.valueBits(), fingerprint);
                    continue;
                }
                if (!projection.siteName().equals(site)) {
                    if (gram != null) {
                        gram.close();
                        gram = null;
                    }
                    site = projection.siteName();
                    gram = grams.gram(site, backend);
                }
                before += factorize(backend, allocation, gram, OutputLoss.objective(recipe, grams, projection), before);
            }
        } finally {
            if (gram != null) {
                gram.close();
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

    private double factorize(
            Backend backend, Allocation allocation, Matrix gram, OutputWeights outputs, double before) {
        Projection projection = allocation.projection();
        double units = Plan.flops(recipe, allocation);
        String doing = "factorising " + projection.name();
        session.reached(doing, before);
        Factorization result;
        try (Matrix weight = model.load(projection.weightName(), backend)) {
            result = Factorizer.of(recipe.solverSettings())
                    .factorize(
                            backend,
                            new Problem(projection.name(), weight, gram, outputs),
                            allocation.k(),
                            allocation.s(),
                            (round, rounds, error) -> session.reached(doing, before + units * round / (rounds + 1.0)));
        }
        session.checkStop();
        // the event first: a part without one would be a part without its times
        journal.record(
                "projection",
                Map.of(
                        "name", projection.name(),
                        "k", allocation.k(),
                        "s", allocation.s(),
                        "relative_error", result.relativeError(),
                        "atoms_replaced", result.atomsReplaced(),
                        "gram_shift", result.gramShift(),
                        "seconds", result.seconds(),
                        "seconds_by_phase", result.secondsByPhase()));
        PartFile.write(work.part(projection, fingerprint), projection, result, recipe.valueBits(), fingerprint);
        session.reached(doing, before + units);
        return units;
    }
}
