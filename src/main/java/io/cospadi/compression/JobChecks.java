package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.budget.Allocation;
import io.cospadi.calibration.ModelFingerprint;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.tensor.CospadiException;
import java.nio.file.Path;

/** What every stage of a job makes sure of before it computes: the model can be compressed so, and the work is this job's. */
final class JobChecks {
    private final Recipe recipe;
    private final JobPlaces places;
    private final JobSession session;
    private final Checkpoint model;

    JobChecks(Recipe recipe, JobPlaces places, JobSession session, Checkpoint model) {
        this.recipe = recipe;
        this.places = places;
        this.session = session;
        this.model = model;
    }

    /**
     * What the job will come to, from headers alone.
     *
     * @throws CospadiException if the model is no dense one, or the ratio can't be met
     */
    Plan plan() {
        if (model.compactBlock() != null) {
            throw new CospadiException(
                    places.model() + " is a compact folder already; compress the dense model that it was made from");
        }
        model.requireDense();
        Plan plan = Plan.of(
                model, recipe, places.stats().isEmpty(), session.environment().threads(), 0);
        plan.requireRatio(recipe);
        requirePursuit(plan);
        requireMemory(
                session.environment().backend(),
                places.model(),
                plan.peakMemory().matrices());
        return plan;
    }

    /** Where the sizes are known, those that the backend's pursuit can't take are refused before the model is read. */
    private void requirePursuit(Plan plan) {
        if (!plan.exact() || !recipe.pursuesExactly()) {
            return;
        }
        for (Allocation allocation : plan.allocations()) {
            if (allocation.isDense()) {
                continue;
            }
            try {
                session.environment().backend().requirePursuit(allocation.k(), allocation.s());
            } catch (CospadiException e) {
                throw new CospadiException(allocation.projection().name() + ": " + e.getMessage(), e);
            }
        }
    }

    /** A GPU can't swap: what it has no room for is refused before anything is computed. */
    static void requireMemory(Backend backend, Path model, long matrices) {
        long available = backend.availableBytes();
        if (matrices > available) {
            throw new CospadiException(model + " needs about " + matrices + " bytes on " + backend.identity()
                    + ", which has " + available
                    + " left; allow more by --max-vram, use smaller windows, or --backend cpu");
        }
    }

    /** Reads the model whole, for the fingerprint of its weights and forward pass. */
    ModelFingerprint hashWeights() {
        long bytes = modelBytes();
        double before = session.meter().done(WorkMeter.Kind.READ);
        session.meter().expect(WorkMeter.Kind.READ, bytes);
        return session.phase(
                "checks",
                WorkMeter.Kind.READ,
                () -> ModelFingerprint.of(model, session.progress("reading the model", before, bytes)));
    }

    /**
     * Makes sure that the work folder is this job's. One that is new is claimed, after all checks that need no computing:
     * a job that could do nothing in it must not keep others out.
     *
     * @param bytes that it may grow to
     * @return whether it holds earlier work
     */
    boolean enter(WorkFolder work, Fingerprint fingerprint, long bytes) {
        if (work.isOf(fingerprint)) {
            return true;
        }
        DiskSpace.require(work.folder(), bytes);
        if (!model.extras().isEmpty()) {
            session.warn(places.model() + " holds tensors that a "
                    + model.config().architecture().modelType()
                    + " model doesn't read; they are carried over unchanged: " + String.join(", ", model.extras()));
        }
        scanWeights();
        AtomicFile.write(work.recipe(), RecipeText.yaml(recipe, places, session.environment()));
        fingerprint.write(work.fingerprint());
        return false;
    }

    private void scanWeights() {
        long bytes = modelBytes();
        double before = session.meter().done(WorkMeter.Kind.READ);
        session.meter().expect(WorkMeter.Kind.READ, bytes);
        session.phase("checks", WorkMeter.Kind.READ, () -> {
            model.scanFinite(session.progress("checking the weights", before, bytes));
            return null;
        });
    }

    private long modelBytes() {
        return model.tensors().values().stream().mapToLong(StoredTensor::bytes).sum();
    }
}
