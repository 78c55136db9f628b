package io.cospadi.compression;

import io.cospadi.budget.Allocation;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.ModelFingerprint;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.tensor.CospadiException;
import java.nio.file.Files;
import java.util.List;
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
    private final Optional<Engine> engine;

    /** A job that this process carries out by itself. */
    public CompressionJob(Recipe recipe, JobPlaces places, JobEnvironment environment) {
        this(recipe, places, environment, Optional.empty());
    }

    private CompressionJob(Recipe recipe, JobPlaces places, JobEnvironment environment, Optional<Engine> engine) {
        this.recipe = recipe;
        this.places = places;
        this.environment = environment;
        this.engine = engine;
    }

    /**
     * A job whose tasks an engine carries out, which ends with the bytes that one process with the engine's backend would have
     * written. One may go on with what the other left.
     *
     * @param environment whose backend is not used; its threads are those that a task computes with
     * @throws RecipeException if projections wait for each other, or the ratio has yet to be found: evaluating a model is no task
     *     of an engine's
     */
    public static CompressionJob on(Engine engine, Recipe recipe, JobPlaces places, JobEnvironment environment) {
        requireTasks(recipe);
        return new CompressionJob(recipe, places, environment, Optional.of(engine));
    }

    /**
     * Refuses what independent tasks of an engine can't do.
     *
     * @throws RecipeException as {@link #on}
     */
    public static void requireTasks(Recipe recipe) {
        Propagation.requireIndependent(recipe);
        if (recipe.maxPerplexityIncrease().isPresent()) {
            throw RecipeException.usage(
                    "a job on a cluster needs --ratio: --max-perplexity-increase makes and evaluates a whole"
                            + " model before it knows one; let compress find it");
        }
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
            JobChecks checks = new JobChecks(recipe, places, session, model);
            Plan plan = checks.plan();
            output.requireFreeOrComplete(places);
            Calibrating calibrating = Calibrating.prepare(session::warn, model, recipe, places);
            if (output.fingerprint().isPresent() && !Files.exists(places.work())) {
                ModelFingerprint weights = checks.hashWeights();
                if (output.isComplete(fingerprint(model, calibrating, weights))) {
                    return Assembly.alreadyComplete(places, session);
                }
            }
            output.createParents();
            try (WorkFolder work = WorkFolder.open(places.work());
                    EventJournal journal = EventJournal.open(work.events(), environment.clock())) {
                output.restore(work);
                return journal.during(
                        environment.program(),
                        () -> run(output, session, model, checks, plan, calibrating, work, journal));
            }
        }
    }

    private JobResult run(
            OutputPlace output,
            JobSession session,
            Checkpoint model,
            JobChecks checks,
            Plan plan,
            Calibrating calibrating,
            WorkFolder work,
            EventJournal journal) {
        ModelFingerprint weights = checks.hashWeights();
        Fingerprint fingerprint = fingerprint(model, calibrating, weights);
        if (output.isComplete(fingerprint)) {
            if (!places.keepWork()) {
                work.remove();
            }
            return Assembly.alreadyComplete(places, session);
        }
        if (!calibrating.makesGrams()) {
            calibrating.requireGiven(weights.sha256());
        }
        // for a while the model that a ratio is chosen by lies beside the final one
        long models = calibrating.heldOut().isPresent() ? 2 : 1;
        boolean resumed = checks.enter(work, fingerprint, models * plan.workBytes());
        return compute(output, session, model, calibrating, weights, fingerprint, work, journal, resumed);
    }

    private JobResult compute(
            OutputPlace output,
            JobSession session,
            Checkpoint model,
            Calibrating calibrating,
            ModelFingerprint weights,
            Fingerprint fingerprint,
            WorkFolder work,
            EventJournal journal,
            boolean resumed) {
        List<Projection> targeted = Targets.of(recipe, model.config());
        String identity = fingerprint.identity();
        calibrating.announce(session, model, work);
        Sizing.announce(session, recipe, targeted, work);
        calibrating.heldOut().ifPresent(text -> RatioSearch.announce(session, model, recipe, text, work));
        Assembly.announce(session, model);
        Optional<Factorizing> early = Sizing.needsGrams(recipe)
                ? Optional.empty()
                : Optional.of(factorizing(session, recipe, work, journal, identity, Targets.uniform(recipe, targeted)));
        // sizes that are not known yet take about as long as uniform ones
        double guess = Propagating.flops(model, recipe)
                + (early.isPresent() ? 0 : Plan.flops(recipe, Targets.uniform(recipe, targeted)));
        session.meter().expect(WorkMeter.Kind.FACTORIZE, guess);
        session.meter().allAnnounced();
        if (resumed) {
            early.ifPresent(f -> session.note("resuming: " + (f.parts().size() - f.missing()) + " of "
                    + f.parts().size() + " projections are done already"));
        }
        Stages stages = stages(session, model, calibrating, weights, fingerprint, work);
        GramStore grams = session.phase("calibration", WorkMeter.Kind.CALIBRATE, stages::calibrate);
        Recipe settled = calibrating
                .heldOut()
                .map(text -> recipe.withRatio(
                        new RatioSearch(session, model, recipe, places, work, journal, fingerprint, stages)
                                .find(grams, text)))
                .orElse(recipe);
        List<Allocation> allocations =
                session.phase("budget", WorkMeter.Kind.BUDGET, () -> Sizing.of(stages, settled, targeted, grams, work));
        session.meter().expect(WorkMeter.Kind.FACTORIZE, -guess);
        Factorizing factorizing =
                early.orElseGet(() -> factorizing(session, settled, work, journal, identity, allocations));
        session.phase("factorisation", WorkMeter.Kind.FACTORIZE, () -> {
            stages.factorize(factorizing, grams);
            return null;
        });
        return new Assembly(settled, places, session, journal, List.of())
                .run(model, calibrating, fingerprint, work, output, allocations, factorizing.parts());
    }

    private Factorizing factorizing(
            JobSession session,
            Recipe settled,
            WorkFolder work,
            EventJournal journal,
            String identity,
            List<Allocation> allocations) {
        return new Factorizing(session, settled, work, journal, identity, allocations);
    }

    private Stages stages(
            JobSession session,
            Checkpoint model,
            Calibrating calibrating,
            ModelFingerprint weights,
            Fingerprint fingerprint,
            WorkFolder work) {
        if (engine.isEmpty()) {
            return new LocalStages(session, model, recipe, weights, calibrating, work);
        }
        int shares = EngineStages.calibrationShares(engine.get().slots(), work.folder());
        JobDescription job = JobDescription.of(recipe, places, shares, weights, fingerprint, backend());
        return new EngineStages(engine.get(), session, model, recipe, calibrating, job);
    }

    private String backend() {
        return engine.map(Engine::backend).orElseGet(() -> environment.backend().identity());
    }

    private Fingerprint fingerprint(Checkpoint model, Calibrating calibrating, ModelFingerprint weights) {
        return Fingerprints.of(recipe, places, model, calibrating, weights.sha256(), backend(), environment.program());
    }
}
