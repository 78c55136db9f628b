package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.ModelFingerprint;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import java.nio.file.Path;
import java.util.List;

/**
 * The stages carried out by this process, one task after the other. In memory: the weights and Grams of one task, the solver's
 * matrices.
 */
final class LocalStages implements Stages {
    private final JobSession session;
    private final Checkpoint model;
    private final Recipe recipe;
    private final ModelFingerprint weights;
    private final Calibrating calibrating;
    private final WorkFolder work;

    LocalStages(
            JobSession session,
            Checkpoint model,
            Recipe recipe,
            ModelFingerprint weights,
            Calibrating calibrating,
            WorkFolder work) {
        this.calibrating = calibrating;
        this.session = session;
        this.model = model;
        this.recipe = recipe;
        this.weights = weights;
        this.work = work;
    }

    private Backend backend() {
        return session.environment().backend();
    }

    @Override
    public GramStore calibrate() {
        return calibrating.run(session, model, weights.sha256(), work);
    }

    @Override
    public void weigh(Weighed weighed, List<List<Projection>> groups, GramStore grams) {
        double before = 0;
        try (LoadedProblems loaded = Weighing.loaded(backend(), model, recipe, grams)) {
            for (int i = 0; i < groups.size(); i++) {
                List<Projection> group = groups.get(i);
                session.reached(JobTask.Kind.WEIGH.doing() + " " + SharingGroups.name(group), before);
                if (!weighed.has(group)) {
                    List<Projection> next = groups.subList(i + 1, groups.size()).stream()
                            .filter(other -> !weighed.has(other))
                            .findFirst()
                            .orElse(List.of());
                    weighed.put(
                            group, Weighing.measure(backend(), recipe, grams, loaded, group, next, session::checkStop));
                }
                before += Weighing.flops(recipe, group);
            }
        }
        session.reached("sharing out the budget", before);
    }

    @Override
    public void factorize(Factorizing factorizing, GramStore grams) {
        if (recipe.propagation().sequential()) {
            Path spill = work.folder().resolve("spill");
            Propagating.run(session, model, recipe, calibrating.windows(), factorizing, grams, spill);
            return;
        }
        PartMaker maker = factorizing.maker(backend());
        double before = session.meter().done(WorkMeter.Kind.FACTORIZE);
        try (LoadedProblems loaded = new LoadedProblems(backend(), model, recipe, grams)) {
            List<Task> tasks = factorizing.missingTasks();
            for (int i = 0; i < tasks.size(); i++) {
                Task task = tasks.get(i);
                double units = task.flops(recipe);
                String doing = JobTask.Kind.FACTORIZE.doing() + " " + task.name();
                session.reached(doing, before);
                maker.make(
                        task,
                        loaded,
                        Task.membersBehind(tasks, i),
                        session.progress(doing, before, units),
                        factorizing::record);
                before += units;
                session.reached(doing, before);
            }
        }
    }
}
