package io.cospadi.compression;

import io.cospadi.budget.Allocation;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.ModelFingerprint;
import io.cospadi.checkpoint.AtomicFile;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.tensor.CospadiException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The stages of a compression that several processes or machines divide: with the Grams in a store, every projection, or
 * group that shares a dictionary, is a task of its own, (recipe, Grams, weights) to part files. Each stage has its own work folder beside DIR, so none waits for
 * another; each may be killed at any instant and is resumed, or repeated, by the same call. {@link MergeJob} makes DIR of
 * the parts, with the bytes that one {@link CompressionJob} over the same store would have written.
 */
public final class DividedJob {
    private final Recipe recipe;
    private final JobPlaces places;
    private final JobEnvironment environment;

    /** @throws RecipeException as {@link #requireDividable} */
    public DividedJob(Recipe recipe, JobPlaces places, JobEnvironment environment) {
        requireDividable(recipe, places);
        this.recipe = recipe;
        this.places = places;
        this.environment = environment;
    }

    /**
     * Refuses what shares can't do without each other.
     *
     * @throws RecipeException if projections wait for each other, the Grams are not given, which every share would have to make,
     *     or the ratio has yet to be found
     */
    public static void requireDividable(Recipe recipe, JobPlaces places) {
        Propagation.requireIndependent(recipe);
        if (places.stats().isEmpty()) {
            throw RecipeException.usage(
                    "a divided job needs --stats: the Grams that calibrate and merge-stats make once "
                            + "for all shares");
        }
        if (recipe.maxPerplexityIncrease().isPresent()) {
            throw RecipeException.usage(
                    "a divided job needs --ratio: --max-perplexity-increase makes and evaluates a whole"
                            + " model before it knows one; let compress find it without --shard");
        }
    }

    /** Refuses a stage that others must come before, while its work folder is still nobody's. */
    private interface Condition {
        void require(List<Projection> targeted, Fingerprint fingerprint);
    }

    /** A stage's work, given what every stage needs. */
    private interface Stage<T> {
        T run(Stages stages, List<Projection> targeted, GramStore grams, WorkFolder work, EventJournal journal);
    }

    /**
     * What the global step came to.
     *
     * @param work        folder that keeps the sizes for the shares
     * @param allocations in the model's order
     */
    public record BudgetResult(Path work, List<Allocation> allocations) {}

    /** The one global step, needed where the sizes depend on weights and text: finds all sizes and keeps them for the shares. */
    public BudgetResult budget() {
        JobSession session = new JobSession(environment, System::nanoTime);
        return run(
                session,
                places.budgetWork(),
                (targeted, fingerprint) -> {},
                (stages, targeted, grams, work, journal) -> {
                    Sizing.announce(session, recipe, targeted, work);
                    session.meter().allAnnounced();
                    List<Allocation> allocations = session.phase(
                            "budget", WorkMeter.Kind.BUDGET, () -> Sizing.of(stages, recipe, targeted, grams, work));
                    journal.record("finished", Map.of());
                    return new BudgetResult(work.folder(), allocations);
                });
    }

    /**
     * What a share came to.
     *
     * @param work        folder that holds its parts
     * @param projections that it has
     * @param made        those of them that this run made; the others were there
     */
    public record ShareResult(Path work, int projections, int made) {}

    /**
     * Makes the parts of one share, as far as they are missing.
     *
     * @throws CospadiException if something is wrong that the user can set right; all finished work is kept
     * @throws StoppedException if asked to stop; likewise
     */
    public ShareResult share(Share share) {
        JobSession session = new JobSession(environment, System::nanoTime);
        Condition settled =
                (targeted, fingerprint) -> Sizing.settled(recipe, targeted, places.budgetWork(), fingerprint);
        return run(session, places.work(share), settled, (stages, targeted, grams, work, journal) -> {
            AtomicFile.write(work.share(), (share + "\n").getBytes(StandardCharsets.UTF_8));
            Fingerprint fingerprint = Fingerprint.read(work.fingerprint()).orElseThrow();
            List<Allocation> all = Sizing.settled(recipe, targeted, places.budgetWork(), fingerprint);
            Sizing.keep(recipe, all, work);
            Factorizing factorizing =
                    new Factorizing(session, recipe, work, journal, fingerprint.identity(), share.of(all, recipe));
            session.meter().allAnnounced();
            int projections = factorizing.parts().size();
            session.note("share " + share + ": " + projections + " of " + all.size() + " projections, "
                    + (projections - factorizing.missing()) + " of them done already");
            session.phase("factorisation", WorkMeter.Kind.FACTORIZE, () -> {
                stages.factorize(factorizing, grams);
                return null;
            });
            journal.record("finished", Map.of());
            return new ShareResult(work.folder(), projections, factorizing.missing());
        });
    }

    private <T> T run(JobSession session, Path folder, Condition condition, Stage<T> stage) {
        OutputPlace output = new OutputPlace(places);
        try (Checkpoint model = Checkpoint.open(places.model())) {
            JobChecks checks = new JobChecks(recipe, places, session, model);
            Plan plan = checks.plan();
            Calibrating calibrating = Calibrating.prepare(session::warn, model, recipe, places);
            output.createParents();
            try (WorkFolder work = WorkFolder.open(folder);
                    EventJournal journal = EventJournal.open(work.events(), environment.clock())) {
                return journal.during(environment.program(), () -> {
                    ModelFingerprint weights = checks.hashWeights();
                    List<Projection> targeted = Targets.of(recipe, model.config());
                    Fingerprint fingerprint = Fingerprints.of(
                            recipe,
                            places,
                            model,
                            calibrating,
                            weights.sha256(),
                            environment.backend().identity(),
                            environment.program());
                    calibrating.requireGiven(weights.sha256());
                    condition.require(targeted, fingerprint);
                    checks.enter(work, fingerprint, plan.partBytes());
                    Stages stages = new LocalStages(session, model, recipe, weights, calibrating, work);
                    GramStore grams = stages.calibrate();
                    return stage.run(stages, targeted, grams, work, journal);
                });
            }
        }
    }
}
