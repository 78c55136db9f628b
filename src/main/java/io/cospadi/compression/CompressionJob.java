package io.cospadi.compression;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.budget.Allocation;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.ModelFingerprint;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.Sha256;
import io.cospadi.checkpoint.ShardedWriter;
import io.cospadi.checkpoint.StoredTensor;
import io.cospadi.format.CompactDescription;
import io.cospadi.format.CompactFormat;
import io.cospadi.format.CompactSizes;
import io.cospadi.format.CompactWriter;
import io.cospadi.format.MaskGroups;
import io.cospadi.format.Verifier;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The main job: a dense folder and calibration text become a compact folder. Checks come first, then Grams, sizes, one part
 * file a projection, and the output folder, which appears by one rename when it is verified. Everything finished lies in the
 * {@link WorkFolder} under its final name, so a run that is killed at any instant is resumed by the same call and ends with
 * the same bytes; a call with anything else is refused.
 */
public final class CompressionJob {
    private final Recipe recipe;
    private final JobPlaces places;
    private final JobEnvironment environment;

    public CompressionJob(Recipe recipe, JobPlaces places, JobEnvironment environment) {
        this.recipe = recipe;
        this.places = places;
        this.environment = environment;
    }

    /**
     * Does what is left to be done.
     *
     * @throws CospadiException if something is wrong that the user can set right; all finished work is kept
     * @throws StoppedException if asked to stop; likewise
     */
    public JobResult run() {
        OutputPlace output = new OutputPlace(places);
        JobSession session = new JobSession(environment, System::nanoTime);
        try (Checkpoint model = Checkpoint.open(places.model())) {
            requireCompressible(model);
            Plan plan = Plan.of(model, recipe, places.stats().isEmpty(), environment.threads(), 0);
            requireRatio(plan);
            if (!Files.exists(places.work().resolve("replaced"))) {
                output.requireFreeOrComplete();
            }
            Calibrating calibrating = Calibrating.prepare(session, model, recipe, places);
            if (output.fingerprint().isPresent() && !Files.exists(places.work())) {
                String weights = hash(session, model);
                if (output.isComplete(fingerprint(model, calibrating, weights))) {
                    return alreadyComplete(session);
                }
            }
            output.createParents();
            try (WorkFolder work = WorkFolder.open(places.work());
                    EventJournal journal = EventJournal.open(work.events(), environment.clock())) {
                return run(output, session, model, plan, calibrating, work, journal);
            }
        }
    }

    private JobResult run(
            OutputPlace output,
            JobSession session,
            Checkpoint model,
            Plan plan,
            Calibrating calibrating,
            WorkFolder work,
            EventJournal journal) {
        output.restore(work);
        journal.record(
                "started",
                Map.of(
                        "program",
                        environment.program(),
                        "process",
                        ProcessHandle.current().pid()));
        try {
            String weights = hash(session, model);
            Fingerprint fingerprint = fingerprint(model, calibrating, weights);
            if (output.isComplete(fingerprint)) {
                if (!places.keepWork()) {
                    work.remove();
                }
                return alreadyComplete(session);
            }
            boolean resumed = work.isOf(fingerprint);
            if (!resumed) {
                checkBeforeComputing(session, model, plan, work);
                AtomicFile.write(work.recipe(), RecipeText.yaml(recipe));
                fingerprint.write(work.fingerprint());
            }
            return compute(output, session, model, calibrating, weights, fingerprint, work, journal, resumed);
        } catch (StoppedException e) {
            journal.record("stopped", Map.of());
            throw e;
        } catch (CospadiException e) {
            recordFailure(journal, e);
            throw e;
        }
    }

    /** A journal that can't be written either must not hide the failure itself. */
    private static void recordFailure(EventJournal journal, CospadiException failure) {
        try {
            journal.record("failed", Map.of("message", String.valueOf(failure.getMessage())));
        } catch (CospadiException e) {
            failure.addSuppressed(e);
        }
    }

    private JobResult compute(
            OutputPlace output,
            JobSession session,
            Checkpoint model,
            Calibrating calibrating,
            String weights,
            Fingerprint fingerprint,
            WorkFolder work,
            EventJournal journal,
            boolean resumed) {
        List<Projection> targeted = Targets.of(recipe, model.config());
        String identity = Sha256.of(fingerprint.json());
        calibrating.announce(session, model, work);
        Sizing.announce(session, recipe, targeted, work);
        session.meter().expect(WorkMeter.Kind.WRITE, 3.0 * CompactSizes.baseFileBytes(model));
        Optional<Factorizing> early = recipe.budget() == BudgetChoice.POOLED
                ? Optional.empty()
                : Optional.of(factorizing(session, model, work, journal, identity, Targets.uniform(recipe, targeted)));
        session.meter().allAnnounced();
        if (resumed) {
            early.ifPresent(f -> session.note("resuming: " + (f.parts().size() - f.missing()) + " of "
                    + f.parts().size() + " projections are done already"));
        }
        GramStore grams = session.phase(
                "calibration", WorkMeter.Kind.CALIBRATE, () -> calibrating.run(session, model, weights, work));
        List<Allocation> allocations = session.phase(
                "budget", WorkMeter.Kind.BUDGET, () -> Sizing.of(session, model, recipe, targeted, grams, work));
        Factorizing factorizing =
                early.orElseGet(() -> factorizing(session, model, work, journal, identity, allocations));
        session.phase("factorisation", WorkMeter.Kind.FACTORIZE, () -> {
            factorizing.run(grams);
            return null;
        });
        CompactSizes sizes = session.phase(
                "writing",
                WorkMeter.Kind.WRITE,
                () -> write(session, model, calibrating, fingerprint, work, factorizing.parts()));
        JobReport assembled = new JobReport(recipe, places, session, journal);
        RunReport report = assembled.of(model, calibrating, sizes, allocations, factorizing.parts());
        session.phase("verification", WorkMeter.Kind.WRITE, () -> {
            verify(session, sizes, report, work);
            return null;
        });
        output.appear(work);
        journal.record("finished", Map.of("seconds", report.seconds()));
        if (!places.keepWork()) {
            work.remove();
        }
        return new JobResult(false, report);
    }

    private Factorizing factorizing(
            JobSession session,
            Checkpoint model,
            WorkFolder work,
            EventJournal journal,
            String identity,
            List<Allocation> allocations) {
        return new Factorizing(session, model, recipe, work, journal, identity, allocations);
    }

    private void requireCompressible(Checkpoint model) {
        if (model.compactBlock() != null) {
            throw new CospadiException(
                    places.model() + " is a compact folder already; compress the dense model that it was made from");
        }
        model.requireDense();
    }

    /** What stays dense because no factors of it are small enough may not spoil the ratio unnoticed. */
    private void requireRatio(Plan plan) {
        if (recipe.overrides().isEmpty() && plan.sizes().ratioProjections() < recipe.ratio()) {
            throw new CospadiException("ratio " + recipe.ratio() + " can't be met: the smallest factors save only "
                    + plan.sizes().ratioProjections() + " of the projections' bytes; leave the smallest ones out by "
                    + "--exclude, or ask for less");
        }
    }

    private JobResult alreadyComplete(JobSession session) {
        session.note(places.out() + " is complete already, with the same fingerprint; nothing to do");
        return new JobResult(true, RunReportFile.ofFolder(places.out()));
    }

    private String hash(JobSession session, Checkpoint model) {
        long bytes =
                model.tensors().values().stream().mapToLong(StoredTensor::bytes).sum();
        double before = session.meter().done(WorkMeter.Kind.READ);
        session.meter().expect(WorkMeter.Kind.READ, bytes);
        return session.phase(
                "checks",
                WorkMeter.Kind.READ,
                () -> ModelFingerprint.of(model, session.progress("reading the model", before, bytes)));
    }

    private void checkBeforeComputing(JobSession session, Checkpoint model, Plan plan, WorkFolder work) {
        requireSpace(plan, work);
        if (!model.extras().isEmpty()) {
            session.warn(places.model() + " holds tensors that a "
                    + model.config().architecture().modelType()
                    + " model doesn't read; they are carried over unchanged: " + String.join(", ", model.extras()));
        }
        if (recipe.budget() == BudgetChoice.AUTO) {
            session.note("budget auto is uniform in this version");
        }
        long bytes =
                model.tensors().values().stream().mapToLong(StoredTensor::bytes).sum();
        double before = session.meter().done(WorkMeter.Kind.READ);
        session.meter().expect(WorkMeter.Kind.READ, bytes);
        session.phase("checks", WorkMeter.Kind.READ, () -> {
            model.scanFinite(session.progress("checking the weights", before, bytes));
            return null;
        });
    }

    private static void requireSpace(Plan plan, WorkFolder work) {
        try {
            long free = Files.getFileStore(work.folder()).getUsableSpace();
            if (free < plan.workBytes()) {
                throw new CospadiException(work.folder() + " needs up to " + plan.workBytes() + " bytes, its disk has "
                        + free + " left; free some space or choose another --out");
            }
        } catch (IOException e) {
            throw new CospadiException(work.folder() + ": can't ask for the free space: " + e.getMessage(), e);
        }
    }

    private Fingerprint fingerprint(Checkpoint model, Calibrating calibrating, String weights) {
        return Fingerprints.of(recipe, model, calibrating, weights, environment);
    }

    private CompactSizes write(
            JobSession session,
            Checkpoint model,
            Calibrating calibrating,
            Fingerprint fingerprint,
            WorkFolder work,
            List<Path> parts) {
        BaseModel base = BaseModel.of(places.model());
        ObjectNode provenance = JsonNodeFactory.instance.objectNode();
        ObjectNode fields = provenance.putObject(OutputPlace.FINGERPRINT);
        fingerprint.fields().forEach(fields::put);
        Map<String, byte[]> files = new LinkedHashMap<>();
        files.put(CompactFormat.OWN_FOLDER + "/recipe.yaml", RecipeText.yaml(recipe));
        CompactDescription description = new CompactDescription(
                recipe.method().option(),
                base.name(),
                base.commit(),
                recipe.valueBits(),
                MaskGroups.NONE,
                recipe.ratio(),
                ShardedWriter.SHARD_BYTES,
                provenance,
                files);
        try {
            WorkFolder.deleteTree(work.output());
            Files.createDirectories(work.output());
        } catch (IOException e) {
            throw new CospadiException(work.output() + " can't be made anew: " + e.getMessage(), e);
        }
        return CompactWriter.write(
                model,
                parts,
                description,
                work.output(),
                session.progress("writing", 0, CompactSizes.baseFileBytes(model)));
    }

    private void verify(JobSession session, CompactSizes sizes, RunReport report, WorkFolder work) {
        Path own = work.output().resolve(CompactFormat.OWN_FOLDER);
        try {
            RunReportFile.write(work.output().resolve(RunReportFile.PLACE), report);
            environment.page().write(report, own);
        } catch (IOException e) {
            throw new CospadiException(
                    own + " can't be written (" + e.getMessage() + "); free some space and run the same command again",
                    e);
        }
        double before = session.meter().done(WorkMeter.Kind.WRITE);
        Verifier.Summary found =
                Verifier.verify(work.output(), session.progress("verifying", before, 2.0 * sizes.fileBytes()));
        if (!sizes.equals(found.sizes())) {
            throw new IllegalStateException("wrote " + sizes + ", found " + found.sizes());
        }
    }
}
