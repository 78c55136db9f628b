package io.cospadi.compression;

import io.cospadi.budget.Allocation;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Makes the compact folder of the parts that the shares of a {@link DividedJob} left in their work folders. Computes
 * nothing, changes nothing in those folders, and may be repeated.
 */
public final class MergeJob {
    private final List<Path> works;
    private final Recipe recipe;
    private final JobPlaces places;
    private final JobEnvironment environment;

    /**
     * @param works       work folders of shares
     * @param recipe      of {@link #document}
     * @param places      of it
     * @param environment whose backend is not used; its threads are those that the shares computed with
     */
    public MergeJob(List<Path> works, Recipe recipe, JobPlaces places, JobEnvironment environment) {
        this.works = List.copyOf(works);
        this.recipe = recipe;
        this.places = places;
        this.environment = environment;
    }

    /**
     * What the shares were told to do, places included.
     *
     * @throws CospadiException if the first folder is no share's
     */
    public static RecipeDocument document(List<Path> works) {
        Path file = works.get(0).resolve(WorkFolder.RECIPE);
        if (!Files.exists(file)) {
            throw noShare(works.get(0));
        }
        return RecipeDocument.read(file);
    }

    private static CospadiException noShare(Path work) {
        return new CospadiException(
                work + " is no work folder of compress --shard; name the folders DIR.I-of-N.work of all shares");
    }

    /**
     * Assembles, verifies, renames.
     *
     * @throws CospadiException naming every part that is missing or damaged, with its share; or if the shares are of
     *     different jobs, or of another model or program than this
     * @throws StoppedException if asked to stop
     */
    public JobResult run() {
        OutputPlace output = new OutputPlace(places);
        JobSession session = new JobSession(environment, System::nanoTime);
        Fingerprint shares = commonFingerprint();
        try (Checkpoint model = Checkpoint.open(places.model())) {
            JobChecks checks = new JobChecks(recipe, places, session, model);
            Plan plan = checks.plan();
            output.requireFreeOrComplete(places);
            Calibrating calibrating = Calibrating.prepare(session::warn, model, recipe, places);
            output.createParents();
            try (WorkFolder work = WorkFolder.open(places.work());
                    EventJournal journal = EventJournal.open(work.events(), environment.clock())) {
                output.restore(work);
                return journal.during(environment.program(), () -> {
                    requireSameHere(
                            shares, model, calibrating, checks.hashWeights().sha256());
                    if (output.isComplete(shares)) {
                        work.remove();
                        return Assembly.alreadyComplete(places, session);
                    }
                    Map<Allocation, Path> parts = parts(model, shares);
                    checks.enter(work, shares, plan.workBytes());
                    Assembly.announce(session, model);
                    session.meter().allAnnounced();
                    List<Path> journals = works.stream()
                            .map(folder -> folder.resolve(WorkFolder.EVENTS))
                            .toList();
                    return new Assembly(recipe, places, session, journal, journals)
                            .run(
                                    model,
                                    calibrating,
                                    shares,
                                    work,
                                    output,
                                    List.copyOf(parts.keySet()),
                                    List.copyOf(parts.values()));
                });
            }
        }
    }

    private Fingerprint commonFingerprint() {
        Fingerprint first = null;
        for (Path work : works) {
            Fingerprint fingerprint =
                    Fingerprint.read(work.resolve(WorkFolder.FINGERPRINT)).orElseThrow(() -> noShare(work));
            if (first == null) {
                first = fingerprint;
            }
            first.firstDifference(fingerprint).ifPresent(d -> {
                throw new CospadiException(work + " is of another job than " + works.get(0) + ": its " + d.field()
                        + " is " + d.there() + ", there it is " + d.here() + "; merge shares of one job");
            });
        }
        return first;
    }

    private void requireSameHere(Fingerprint shares, Checkpoint model, Calibrating calibrating, String weights) {
        Fingerprint here = Fingerprints.of(
                recipe, places, model, calibrating, weights, Fingerprints.backend(shares), environment.program());
        shares.firstDifference(here).ifPresent(d -> {
            throw new CospadiException("the shares were made with another " + d.field() + ": theirs is " + d.here()
                    + ", here it is " + d.there() + "; name the same --model and --stats and use the same program");
        });
    }

    /** Every projection's part, in the model's order. */
    private Map<Allocation, Path> parts(Checkpoint model, Fingerprint shares) {
        List<Projection> targeted = Targets.of(recipe, model.config());
        List<Allocation> allocations = Sizing.settled(recipe, targeted, works.get(0), shares);
        PartCheck check = new PartCheck(shares.identity(), allocations, recipe.method());
        List<Share> owners = Share.owners(allocations, recipe, shareCount());
        Map<Allocation, Path> parts = new LinkedHashMap<>();
        List<String> lacking = new ArrayList<>();
        SortedSet<Share> unfinished = new TreeSet<>(Comparator.comparingInt(Share::index));
        for (int i = 0; i < allocations.size(); i++) {
            Projection projection = allocations.get(i).projection();
            List<String> defects = new ArrayList<>();
            Optional<Path> part = sound(projection, shares.identity(), check, defects);
            if (part.isPresent()) {
                parts.put(allocations.get(i), part.get());
            } else {
                lacking.add(projection.name() + (defects.isEmpty() ? "" : " (" + String.join("; ", defects) + ")"));
                unfinished.add(owners.get(i));
            }
        }
        if (!lacking.isEmpty()) {
            throw new CospadiException(lacking.size() + " of " + allocations.size() + " parts are missing or damaged: "
                    + String.join(", ", lacking) + "; name the work folders of all shares, or finish these by --shard: "
                    + unfinished.stream().map(Share::toString).collect(Collectors.joining(", ")));
        }
        return parts;
    }

    private Optional<Path> sound(Projection projection, String identity, PartCheck check, List<String> defects) {
        for (Path work : works) {
            Path part = WorkFolder.part(work, projection, identity);
            if (Files.exists(part)) {
                Optional<String> defect = check.defect(part, projection);
                if (defect.isEmpty()) {
                    return Optional.of(part);
                }
                defects.add(defect.get());
            }
        }
        return Optional.empty();
    }

    /** How many shares the first folder's job was divided into. */
    private int shareCount() {
        Path file = works.get(0).resolve(WorkFolder.SHARE);
        try {
            return Share.parse(Files.readString(file).strip()).count();
        } catch (IOException e) {
            throw new CospadiException(file + " can't be read (" + e + "); run that share again", e);
        }
    }
}
