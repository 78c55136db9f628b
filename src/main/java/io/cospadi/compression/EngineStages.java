package io.cospadi.compression;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.calibration.GramOrigin;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.checkpoint.Projection;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;

/**
 * The stages carried out by an {@link Engine}. The costliest tasks are begun first, so that none that is long is left for the
 * end; only what is small comes back to this process.
 */
final class EngineStages implements Stages {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final TypeReference<Map<String, Object>> EVENT = new TypeReference<>() {};

    private final Engine engine;
    private final JobSession session;
    private final Recipe recipe;
    private final Calibrating calibrating;
    private final JobDescription job;
    private final Checkpoint model;

    EngineStages(
            Engine engine,
            JobSession session,
            Checkpoint model,
            Recipe recipe,
            Calibrating calibrating,
            JobDescription job) {
        this.calibrating = calibrating;
        this.engine = engine;
        this.session = session;
        this.recipe = recipe;
        this.job = job;
        this.model = model;
    }

    /**
     * How many shares a calibration is divided into: as many as run at the same time, but a power of two, so that a share is one
     * sum, and those of an earlier run if there are some.
     */
    static int calibrationShares(int slots, Path work) {
        for (int shares = GramOrigin.MOST_SHARDS; shares > 1; shares /= 2) {
            if (Files.exists(work.resolve(WorkFolder.GRAMS + ".0-of-" + shares))) {
                return shares;
            }
        }
        return Math.min(GramOrigin.MOST_SHARDS, Integer.highestOneBit(Math.max(1, slots)));
    }

    @Override
    public GramStore calibrate() {
        String weights = job.weights().sha256();
        if (!calibrating.makesGrams()) {
            return calibrating.requireGiven(weights);
        }
        if (!isCalibrated()) {
            calibrating.writeTokens(job.tokens());
            List<JobTask> tasks = new ArrayList<>();
            for (Share share : job.shares()) {
                String name = "share " + share;
                tasks.add(new JobTask(
                        JobTask.Kind.CALIBRATE, share.index(), name, calibrating.gramFlops(model) / share.count()));
                if (calibrating.makesGradients()) {
                    double flops = calibrating.gradientFlops(model) / share.count();
                    tasks.add(new JobTask(JobTask.Kind.GRADIENTS, share.index(), name, flops));
                }
            }
            run(tasks, 0, (task, nothing) -> {});
            if (job.calibrationShares() > 1) {
                run(
                        IntStream.range(0, model.config().layers())
                                .mapToObj(layer -> new JobTask(JobTask.Kind.MERGE, layer, "layer " + layer, 0))
                                .toList(),
                        0,
                        (task, nothing) -> {});
            }
        }
        GramStore store = GramStore.open(job.grams());
        store.requireUsable(weights);
        removeShares();
        return store;
    }

    private boolean isCalibrated() {
        if (!GramStore.exists(job.grams())) {
            return false;
        }
        GramStore store = GramStore.open(job.grams());
        int layers = model.config().layers();
        return store.finishedLayers() == layers
                && (!calibrating.makesGradients()
                        || store.hasOutputWeights() && store.gradients().finishedLayers() == layers);
    }

    /** Once they are added up, nobody needs them, and they are as large as the sum. */
    private void removeShares() {
        for (Share share : job.shares()) {
            Path folder = job.grams(share);
            try {
                if (share.count() > 1) {
                    WorkFolder.deleteTree(folder);
                }
            } catch (IOException e) {
                throw new CospadiException(folder + " can't be removed: " + e.getMessage(), e);
            }
        }
    }

    @Override
    public void weigh(Weighed weighed, List<List<Projection>> groups, GramStore grams) {
        List<JobTask> tasks = new ArrayList<>();
        double before = 0;
        for (int i = 0; i < groups.size(); i++) {
            double flops = Weighing.flops(recipe, groups.get(i));
            if (weighed.has(groups.get(i))) {
                before += flops;
            } else {
                tasks.add(new JobTask(JobTask.Kind.WEIGH, i, SharingGroups.name(groups.get(i)), flops));
            }
        }
        run(tasks, before, (task, found) -> weighed.put(groups.get(task.index()), json(found)));
    }

    @Override
    public void factorize(Factorizing factorizing, GramStore grams) {
        List<Task> all = factorizing.tasks();
        List<Task> missing = factorizing.missingTasks();
        run(
                IntStream.range(0, all.size())
                        .filter(i -> missing.contains(all.get(i)))
                        .mapToObj(i -> new JobTask(
                                JobTask.Kind.FACTORIZE,
                                i,
                                all.get(i).name(),
                                all.get(i).flops(recipe)))
                        .toList(),
                0,
                (task, made) -> json(made).forEach(event -> factorizing.record(JSON.convertValue(event, EVENT))));
        factorizing.requireAll();
    }

    /** @param before units of the phase that need not be done any more */
    private void run(List<JobTask> tasks, double before, BiConsumer<JobTask, String> arrived) {
        List<JobTask> costliestFirst = tasks.stream()
                .sorted(Comparator.comparingDouble(task -> -task.flops()))
                .toList();
        double[] done = {before};
        engine.run(job, costliestFirst, (task, answer) -> {
            arrived.accept(task, answer);
            done[0] += task.flops();
            session.reached(task.toString(), done[0]);
        });
    }

    private static JsonNode json(String text) {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a task's answer is no JSON: " + text, e);
        }
    }
}
