package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.calibration.CalibrationSettings;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.PropagatedInputs;
import io.cospadi.calibration.TokenWindows;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.Projection;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.decoder.ActivationMemory;
import io.cospadi.decoder.DenseWeights;
import io.cospadi.format.PartFile;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The factorisation of a job whose projections wait for those before them: site by site from the first layer on, each under the
 * inputs that the parts made so far give it, as they are stored. Parts that are there are not made again, but the windows run
 * through them, so a job that is stopped ends with the same bytes.
 */
final class Propagating {
    /** Stretches of about equal length that a layer's passes are made of: four sites and two halves. */
    private static final int STEPS = 6;

    private final JobSession session;
    private final Checkpoint model;
    private final Recipe recipe;
    private final TokenWindows windows;
    private final Factorizing factorizing;
    private final Backend backend;
    private final double step;
    private double done;

    private Propagating(
            JobSession session, Checkpoint model, Recipe recipe, TokenWindows windows, Factorizing factorizing) {
        this.session = session;
        this.model = model;
        this.recipe = recipe;
        this.windows = windows;
        this.factorizing = factorizing;
        this.backend = session.environment().backend();
        this.step = flops(model, recipe) / model.config().layers() / STEPS;
        this.done = session.meter().done(WorkMeter.Kind.FACTORIZE);
    }

    /** Operations of the passes through the model, which come to those of the factorisations; 0 where nothing propagates. */
    static double flops(Checkpoint model, Recipe recipe) {
        return FlopCounts.propagation(
                model.config(), recipe.propagation(), (long) recipe.windows() * recipe.window(), recipe.window());
    }

    /**
     * Makes the parts that are missing.
     *
     * @param spill  for temporary files; made, and removed in the end
     * @param grams  that keep the gradients
     */
    static void run(
            JobSession session,
            Checkpoint model,
            Recipe recipe,
            TokenWindows windows,
            Factorizing factorizing,
            GramStore grams,
            Path spill) {
        if (factorizing.missingTasks().isEmpty()) {
            return;
        }
        session.meter().expect(WorkMeter.Kind.FACTORIZE, flops(model, recipe));
        try {
            Files.createDirectories(spill);
            new Propagating(session, model, recipe, windows, factorizing).factorize(grams, spill);
            WorkFolder.deleteTree(spill);
        } catch (IOException e) {
            throw new CospadiException(
                    spill + " can't be written (" + e.getMessage()
                            + "); free some space and run the same command again",
                    e);
        }
    }

    private void factorize(GramStore grams, Path spill) {
        int last = factorizing.missingTasks().stream()
                .mapToInt(Propagating::layer)
                .max()
                .orElseThrow();
        long foretold = Plan.of(model, recipe, false, 1, 0).peakMemory().factorization();
        CalibrationSettings settings = new CalibrationSettings(ActivationMemory.of(backend, foretold), spill);
        boolean besideDense = recipe.propagation() == Propagation.COMPRESSED;
        // closing the weights would close the job's checkpoint
        try (PropagatedInputs inputs =
                new PropagatedInputs(new DenseWeights(model), windows, besideDense, backend, settings)) {
            for (int layer = 0; layer <= last; layer++) {
                inputs.enter();
                site(inputs, layer, InputSite.ATTENTION_INPUT, grams);
                site(inputs, layer, InputSite.ATTENTION_OUTPUT, grams);
                inputs.attend(step("running the attention of layer " + layer));
                site(inputs, layer, InputSite.MLP_INPUT, grams);
                site(inputs, layer, InputSite.MLP_HIDDEN, grams);
                if (layer < last) {
                    inputs.feedForward(step("running the MLP of layer " + layer));
                }
            }
        }
    }

    private static int layer(Task task) {
        return task.projections().get(0).layer();
    }

    private Progress step(String doing) {
        double before = done;
        done += step;
        return session.progress(doing, before, step);
    }

    private void site(PropagatedInputs inputs, int layer, InputSite site, GramStore grams) {
        List<Task> tasks = factorizing.missingTasks().stream()
                .filter(task ->
                        layer(task) == layer && task.projections().get(0).type().site() == site)
                .toList();
        PartMaker maker = factorizing.maker(backend);
        tasks.stream().filter(task -> task.k() == 0).forEach(maker::makeKeptDense);
        List<Task> factored = tasks.stream().filter(task -> task.k() > 0).toList();
        if (!factored.isEmpty()) {
            String name = Projection.siteName(layer, site);
            PropagatedInputs.Sums sums = inputs.sums(site, step("adding up the inputs " + name));
            try (ProblemSource problems = new PropagatedProblems(backend, model, recipe, grams, name, sums)) {
                for (int i = 0; i < factored.size(); i++) {
                    factorize(factored.get(i), problems, Task.membersBehind(factored, i), maker);
                }
            }
        } else {
            done += step;
        }
        replace(inputs, layer, site);
    }

    private void factorize(Task task, ProblemSource problems, List<Projection> next, PartMaker maker) {
        double units = task.flops(recipe);
        String doing = JobTask.Kind.FACTORIZE.doing() + " " + task.name();
        session.reached(doing, done);
        maker.make(task, problems, next, session.progress(doing, done, units), factorizing::record);
        done += units;
    }

    /** From here on the windows run through what was made of the site's projections. */
    private void replace(PropagatedInputs inputs, int layer, InputSite site) {
        DenseWeights dense = new DenseWeights(model);
        for (ProjectionType type : ProjectionType.values()) {
            Projection projection = model.config().projection(layer, type);
            Path file = factorizing.part(projection).orElse(null);
            if (type.site() != site || file == null) {
                continue;
            }
            try (PartFile part = PartFile.open(file)) {
                if (part.module().isPresent()) {
                    inputs.replace(projection, part.linear(dense.biasOrNull(projection, backend), backend));
                }
            }
        }
    }
}
