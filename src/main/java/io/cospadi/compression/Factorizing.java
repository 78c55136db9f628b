package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.budget.Allocation;
import io.cospadi.checkpoint.Projection;
import io.cospadi.tensor.CospadiException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * One part file for each targeted projection: which there are, and which tasks are left. Sound parts of earlier runs are kept,
 * damaged ones are computed again, with all that share their dictionary.
 */
final class Factorizing {
    private final JobSession session;
    private final Recipe recipe;
    private final WorkFolder work;
    private final EventJournal journal;
    private final PartCheck check;
    private final List<Task> tasks;
    private final List<Task> missing = new ArrayList<>();
    private final Map<Projection, Path> parts = new LinkedHashMap<>();

    /** @param identity of the job, {@link Fingerprint#identity} */
    Factorizing(
            JobSession session,
            Recipe recipe,
            WorkFolder work,
            EventJournal journal,
            String identity,
            List<Allocation> allocations) {
        this.session = session;
        this.recipe = recipe;
        this.work = work;
        this.journal = journal;
        this.check = new PartCheck(identity, allocations, recipe.method());
        this.tasks = Task.of(allocations);
        Set<Allocation> unsound = new HashSet<>();
        for (Allocation allocation : allocations) {
            session.checkStop();
            Path part = work.part(allocation.projection(), identity);
            parts.put(allocation.projection(), part);
            if (!isSound(part, allocation.projection())) {
                unsound.add(allocation);
            }
        }
        for (Task task : tasks) {
            if (task.members().stream().anyMatch(unsound::contains)) {
                missing.add(task);
                session.meter().expect(WorkMeter.Kind.FACTORIZE, task.flops(recipe));
            }
        }
    }

    /** All part files, those still missing included, in the model's order. */
    List<Path> parts() {
        return List.copyOf(parts.values());
    }

    /** The part file of a projection, still missing or not; empty where it is not targeted. */
    Optional<Path> part(Projection projection) {
        return Optional.ofNullable(parts.get(projection));
    }

    /** All tasks, done or not. */
    List<Task> tasks() {
        return tasks;
    }

    /** The tasks that were left to be done at first. */
    List<Task> missingTasks() {
        return missing;
    }

    /** How many parts were left to be made at first. */
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

    /** Makes parts where this expects them. */
    PartMaker maker(Backend backend) {
        return new PartMaker(backend, recipe, work.folder(), check.identity());
    }

    /** Keeps what {@link PartMaker} says of a part. */
    void record(Map<String, ?> made) {
        journal.record("projection", made);
    }

    /**
     * Makes sure that what others made has arrived; what is in it is checked when it is used.
     *
     * @throws CospadiException naming the first part that is missing
     */
    void requireAll() {
        for (Path part : parts.values()) {
            if (!Files.exists(part)) {
                throw new CospadiException(
                        part + " was made, but is not there; all processes of a job must see the same"
                                + " file system under " + work.folder());
            }
        }
    }
}
