package io.cospadi.compression;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.FileFailure;
import io.cospadi.format.CompactFormat;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The folder DIR that a job will make: what may stand there before, and how it appears. */
final class OutputPlace {
    /** Key of the fingerprint in the manifest. */
    static final String FINGERPRINT = "fingerprint";

    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path out;
    private final boolean force;

    OutputPlace(JobPlaces places) {
        this.out = places.out().toAbsolutePath().normalize();
        this.force = places.force();
        if (out.getFileName() == null) {
            throw new CospadiException(
                    "--out " + places.out() + " can't be replaced by a folder; name a new one in it");
        }
        requireApart(places);
    }

    /** Neither of model and output may lie in the other: one would be written into, or replaced with, the other. */
    private void requireApart(JobPlaces places) {
        Path model = real(places.model().toAbsolutePath().normalize());
        Path target = real(out);
        if (target.equals(model) || model.startsWith(target) || target.startsWith(model)) {
            throw new CospadiException("--out " + places.out() + " and the model " + places.model()
                    + " lie in each other; choose a folder beside the model");
        }
    }

    private static Path real(Path path) {
        for (Path existing = path; existing != null; existing = existing.getParent()) {
            try {
                return existing.toRealPath().resolve(existing.relativize(path)).normalize();
            } catch (IOException e) {
                // not there yet: ask its parent
            }
        }
        return path;
    }

    Path path() {
        return out;
    }

    /** Whether something stands there. */
    boolean exists() {
        return Files.exists(out, LinkOption.NOFOLLOW_LINKS);
    }

    /** The fingerprint of the complete compact folder that stands there; empty if it is none, or one without. */
    Optional<Fingerprint> fingerprint() {
        Path manifest = out.resolve(CompactFormat.MANIFEST);
        if (!Files.isRegularFile(manifest)) {
            return Optional.empty();
        }
        try {
            JsonNode fields = JSON.readTree(Files.readAllBytes(manifest)).path(FINGERPRINT);
            Map<String, String> values = new LinkedHashMap<>();
            fields.properties()
                    .forEach(
                            field -> values.put(field.getKey(), field.getValue().asText()));
            return values.isEmpty() ? Optional.empty() : Optional.of(new Fingerprint(values));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /**
     * Whether DIR is what this job would make.
     *
     * @throws CospadiException if something else stands there and may not be replaced
     */
    boolean isComplete(Fingerprint wanted) {
        if (!exists()) {
            return false;
        }
        Optional<Fingerprint> found = fingerprint();
        Optional<Fingerprint.Difference> difference = found.flatMap(wanted::firstDifference);
        if (found.isPresent() && difference.isEmpty()) {
            return true;
        }
        if (!force) {
            throw occupied(difference);
        }
        return false;
    }

    /** Refuses what can't be this job's output, before anything is read; what was moved aside comes back first. */
    void requireFreeOrComplete(JobPlaces places) {
        if (!Files.exists(places.work().resolve(WorkFolder.REPLACED))
                && exists()
                && !force
                && fingerprint().isEmpty()) {
            throw occupied(Optional.empty());
        }
    }

    private CospadiException occupied(Optional<Fingerprint.Difference> difference) {
        String what = difference
                .map(d -> "is the result of another job: its " + d.field() + " is " + d.there() + ", here it is "
                        + d.here())
                .orElse("exists and is no compact folder of this program");
        return new CospadiException("--out " + out + " " + what + "; choose another folder, or --force to replace it");
    }

    /** Makes the folders above DIR. */
    void createParents() {
        try {
            Files.createDirectories(out.getParent());
        } catch (IOException e) {
            throw new CospadiException(
                    "folder " + out.getParent() + " can't be made (" + FileFailure.reason(e)
                            + "); choose another --out",
                    e);
        }
    }

    /** Puts back what an earlier run had moved aside when it was killed between two renames. */
    void restore(WorkFolder work) {
        if (!exists() && Files.exists(work.replaced(), LinkOption.NOFOLLOW_LINKS)) {
            move(work.replaced(), out);
        }
    }

    /** The finished folder takes its place, durably, by one rename (two if it replaces another one). */
    void appear(WorkFolder work) {
        if (exists()) {
            if (!force) {
                throw occupied(Optional.empty());
            }
            try {
                WorkFolder.deleteTree(work.replaced());
            } catch (IOException e) {
                throw new CospadiException(work.replaced() + " can't be removed: " + e.getMessage(), e);
            }
            move(out, work.replaced());
        }
        move(work.output(), out);
    }

    private static void move(Path from, Path to) {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
            AtomicFile.syncFolder(to.toAbsolutePath().getParent());
        } catch (IOException e) {
            throw new CospadiException(
                    from + " can't be renamed to " + to + " (" + FileFailure.reason(e)
                            + "); the finished work is kept: change the rights of " + to.getParent()
                            + " and run the same command again",
                    e);
        }
    }
}
