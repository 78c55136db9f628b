package io.cospadi.compression;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.budget.Allocation;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.ShardedWriter;
import io.cospadi.format.CompactDescription;
import io.cospadi.format.CompactFormat;
import io.cospadi.format.CompactSizes;
import io.cospadi.format.CompactWriter;
import io.cospadi.format.Verifier;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A job's last steps: its parts become a compact folder, which is verified, gets its report, and takes its place. */
final class Assembly {
    private final Recipe recipe;
    private final JobPlaces places;
    private final JobSession session;
    private final EventJournal journal;
    private final List<Path> shareJournals;

    /** @param shareJournals of the shares that made the parts; empty where this run did */
    Assembly(Recipe recipe, JobPlaces places, JobSession session, EventJournal journal, List<Path> shareJournals) {
        this.recipe = recipe;
        this.places = places;
        this.session = session;
        this.journal = journal;
        this.shareJournals = shareJournals;
    }

    /** Announces the work that lies in {@link #run}. */
    static void announce(JobSession session, Checkpoint model) {
        session.meter().expect(WorkMeter.Kind.WRITE, 3.0 * CompactSizes.baseFileBytes(model));
    }

    /** The result of a job that finds its output complete. */
    static JobResult alreadyComplete(JobPlaces places, JobSession session) {
        session.note(places.out() + " is complete already, with the same fingerprint; nothing to do");
        return new JobResult(true, RunReportFile.ofFolder(places.out()));
    }

    /**
     * Writes, verifies and renames.
     *
     * @param allocations in the model's order
     * @param parts       sound part files, in the same order
     */
    JobResult run(
            Checkpoint model,
            Calibrating calibrating,
            Fingerprint fingerprint,
            WorkFolder work,
            OutputPlace output,
            List<Allocation> allocations,
            List<Path> parts) {
        CompactSizes sizes =
                session.phase("writing", WorkMeter.Kind.WRITE, () -> write(model, fingerprint, work, parts));
        JobTimes times = JobTimes.read(
                work.events(), shareJournals, session.environment().clock().instant());
        RunReport report = new JobReport(recipe, places, session, times)
                .of(model, calibrating, fingerprint, sizes, allocations, parts);
        session.phase("verification", WorkMeter.Kind.WRITE, () -> {
            verify(sizes, report, work);
            return null;
        });
        output.appear(work);
        journal.record("finished", Map.of("seconds", report.seconds()));
        if (!places.keepWork()) {
            work.remove();
        }
        return new JobResult(false, report);
    }

    /** Writes the compact folder into the work folder's output, which is made anew. */
    CompactSizes write(Checkpoint model, Fingerprint fingerprint, WorkFolder work, List<Path> parts) {
        BaseModel base = BaseModel.of(places.model());
        ObjectNode provenance = JsonNodeFactory.instance.objectNode();
        ObjectNode fields = provenance.putObject(OutputPlace.FINGERPRINT);
        fingerprint.fields().forEach(fields::put);
        Map<String, byte[]> files = new LinkedHashMap<>();
        files.put(CompactFormat.OWN_FOLDER + "/recipe.yaml", RecipeText.yaml(recipe, places));
        Path ratio = work.folder().resolve(RatioSearch.FILE);
        if (Files.exists(ratio)) {
            files.put(CompactFormat.OWN_FOLDER + "/" + RatioSearch.FILE, bytes(ratio));
        }
        CompactDescription description = new CompactDescription(
                recipe.method().option(),
                base.name(),
                base.commit(),
                recipe.precision(),
                recipe.groups(),
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
                session.progress(
                        "writing", session.meter().done(WorkMeter.Kind.WRITE), CompactSizes.baseFileBytes(model)));
    }

    private static byte[] bytes(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new CospadiException(file + " can't be read: " + e.getMessage(), e);
        }
    }

    private void verify(CompactSizes sizes, RunReport report, WorkFolder work) {
        Path own = work.output().resolve(CompactFormat.OWN_FOLDER);
        try {
            RunReportFile.write(work.output().resolve(RunReportFile.PLACE), report);
            session.environment().page().write(report, own);
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
