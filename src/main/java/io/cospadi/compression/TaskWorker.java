package io.cospadi.compression;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.backend.Backend;
import io.cospadi.budget.Allocation;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * Carries out single tasks of a job, in whatever process an {@link Engine} starts them. Takes no lock and waits for nobody:
 * what a task finishes appears by one rename under the name that its contents have, so a copy of it that was killed, or is at
 * work too, does no harm. What a task reads is checked to be the job's: the tensors of the model, the text, the Grams.
 */
public final class TaskWorker {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final JobDescription job;
    private final Recipe recipe;
    private final Backend backend;
    private final Path spill;
    private final BooleanSupplier stop;

    /**
     * @param backend computes; stays the caller's
     * @param spill   existing folder for temporary files, best on a disk of this machine; stays the caller's
     * @param stop    whether to stop; asked often, from the task's thread
     */
    public TaskWorker(JobDescription job, Backend backend, Path spill, BooleanSupplier stop) {
        this.job = job;
        this.recipe = job.recipe();
        this.backend = backend;
        this.spill = spill;
        this.stop = stop;
    }

    /**
     * Carries out one task.
     *
     * @return what it found, for the job's own process: JSON
     * @throws CospadiException if it can't be carried out here
     * @throws StoppedException if asked to stop
     */
    public String run(JobTask task) {
        Fingerprint fingerprint = requireJobHere();
        try (Checkpoint model = Checkpoint.open(Path.of(job.model()))) {
            return switch (task.kind()) {
                case CALIBRATE, GRADIENTS -> calibrate(model, task, fingerprint);
                case MERGE -> merge(task.index());
                case WEIGH -> weigh(model, task.index());
                case FACTORIZE -> factorize(model, task.index());
            };
        }
    }

    private Fingerprint requireJobHere() {
        if (!backend.identity().equals(job.backend())) {
            throw new CospadiException("this process computes with \"" + backend.identity()
                    + "\", the job was begun with \"" + job.backend()
                    + "\"; all need the same, or the result would depend on who did what");
        }
        Path file = job.places().work().resolve(WorkFolder.FINGERPRINT);
        return Fingerprint.read(file)
                .filter(fingerprint -> fingerprint.identity().equals(job.fingerprint()))
                .orElseThrow(() -> new CospadiException(
                        file + " is not the job's here; DIR, the model and the data must lie on a file"
                                + " system that all processes see under the same names"));
    }

    private void checkStop() {
        if (stop.getAsBoolean()) {
            throw new StoppedException();
        }
    }

    private String calibrate(Checkpoint model, JobTask task, Fingerprint fingerprint) {
        job.weights().requireSame(model, model.config().denseTensors().keySet());
        Calibrating calibrating = Calibrating.prepare(warning -> {}, model, recipe, job.places());
        requireJobsWindows(calibrating, fingerprint);
        Calibrating.Making making = new Calibrating.Making(model, job.weights().sha256(), backend, spill, true);
        Share share = job.shares().get(task.index());
        Progress progress = (done, total) -> checkStop();
        if (task.kind() == JobTask.Kind.CALIBRATE) {
            calibrating.grams(making, job.grams(share), share, progress);
        } else {
            calibrating.gradients(making, job.grams(share), share, progress);
        }
        return "{}";
    }

    private void requireJobsWindows(Calibrating calibrating, Fingerprint fingerprint) {
        List<String> found = calibrating.fingerprint();
        String expected = fingerprint.fields().get(found.get(0));
        if (!found.get(1).equals(expected)) {
            throw new CospadiException(job.tokens() + " holds other windows than the job's: found " + found.get(1)
                    + ", expected " + expected + "; run the same command again, which writes it anew");
        }
    }

    private String merge(int layer) {
        List<GramStore> stores = new ArrayList<>();
        for (Share share : job.shares()) {
            checkStop();
            stores.add(GramStore.open(job.grams(share)));
        }
        GramStore.mergeLayer(stores, layer, job.grams(), backend);
        return "{}";
    }

    private GramStore grams() {
        GramStore grams = GramStore.open(job.grams());
        grams.requireUsable(job.weights().sha256());
        return grams;
    }

    private void requireWeights(Checkpoint model, List<Projection> members) {
        job.weights()
                .requireSame(model, members.stream().map(Projection::weightName).toList());
    }

    /** @param index of a group, among {@link Weighing#groups} */
    private String weigh(Checkpoint model, int index) {
        List<Projection> group =
                Weighing.groups(recipe, Targets.of(recipe, model.config())).get(index);
        GramStore grams = grams();
        requireWeights(model, group);
        try (LoadedProblems loaded = Weighing.loaded(backend, model, recipe, grams)) {
            return Weighing.measure(backend, recipe, grams, loaded, group, List.of(), this::checkStop)
                    .toString();
        }
    }

    /** @param index among {@link Task#of} all sizes; answers with what the journal is to say of each part made */
    private String factorize(Checkpoint model, int index) {
        List<Projection> targeted = Targets.of(recipe, model.config());
        Path work = job.places().work();
        List<Allocation> allocations = Sizing.known(recipe, targeted, work);
        Task task = Task.of(allocations).get(index);
        PartCheck check = new PartCheck(job.fingerprint(), allocations, recipe.method());
        List<Map<String, ?>> made = new ArrayList<>();
        if (!isDone(task, check, work)) {
            requireWeights(model, task.projections());
            try (LoadedProblems loaded = new LoadedProblems(backend, model, recipe, grams())) {
                new PartMaker(backend, recipe, work, job.fingerprint())
                        .make(task, loaded, List.of(), (done, total) -> checkStop(), made::add);
            }
        }
        return JSON.valueToTree(made).toString();
    }

    /** Whether another copy of the task has been here. */
    private static boolean isDone(Task task, PartCheck check, Path work) {
        return task.projections().stream().allMatch(projection -> {
            Path part = WorkFolder.part(work, projection, check.identity());
            return Files.exists(part) && check.defect(part, projection).isEmpty();
        });
    }
}
