package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.cluster.SparkEngine;
import io.cospadi.compression.CompressionJob;
import io.cospadi.compression.JobEnvironment;
import io.cospadi.compression.JobPlaces;
import io.cospadi.compression.JobResult;
import io.cospadi.compression.Recipe;
import io.cospadi.compression.RecipeDocument;
import io.cospadi.tensor.CospadiException;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code spark-submit cospadi.jar spark-compress MODEL --out DIR ...}: the main job, its tasks carried out by Spark. */
@Command(
        name = "spark-compress",
        description = {
            "Compresses a model on a Spark cluster: spark-submit --master URL cospadi.jar spark-compress ...",
            "Model, data and DIR lie on a file system that all executors see. The bytes are those of compress with as many"
                    + " threads as a task has; stopped at any moment, the same command resumes."
        })
final class SparkCompressCommand implements Callable<Integer> {
    @Mixin
    private RecipeOptions options;

    @Mixin
    private PlaceOptions placeOptions;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;
    private final StopSignal stop;

    SparkCompressCommand(Terminal terminal, StopSignal stop) {
        this.terminal = terminal;
        this.stop = stop;
    }

    @Override
    public Integer call() {
        ObjectNode given = JsonNodeFactory.instance.objectNode();
        placeOptions.put(given);
        RecipeOptions.put(given, "backend", shared.backend);
        RecipeOptions.put(given, "threads", shared.threads);
        RecipeDocument document = options.document(given);
        JobPlaces places = document.places();
        Recipe recipe = document.recipe();
        CompressionJob.requireTasks(recipe);
        shared.gpu.requireNoDevice("each task has the GPU that Spark sets apart for it");
        requireSpark();
        // a task has as many threads as Spark has set processors apart for it
        int threads = document.threads().orElseGet(SparkEngine::taskProcessors);
        TaskBackend backend = new TaskBackend(document.backend(), threads, shared.gpu.maxVram());
        Optional<JobResult> result = new JobRun(
                        terminal,
                        stop,
                        "everything finished is kept in " + places.work() + "; the same command resumes",
                        shared.gpu)
                .run("cpu", threads, environment -> run(backend, recipe, places, environment));
        if (result.isEmpty()) {
            return ExitStatus.STOPPED;
        }
        new RunView(places.out().toString(), result.get().report()).show(terminal, shared.json);
        return ExitStatus.DONE;
    }

    private static JobResult run(TaskBackend backend, Recipe recipe, JobPlaces places, JobEnvironment environment) {
        String application = "cospadi " + places.out().getFileName();
        try (SparkEngine engine =
                SparkEngine.connect(application, backend, environment.listener(), environment.stop())) {
            return CompressionJob.on(engine, recipe, places, environment).run();
        }
    }

    private static void requireSpark() {
        try {
            Class.forName(
                    "org.apache.spark.SparkContext",
                    false,
                    Thread.currentThread().getContextClassLoader());
        } catch (ClassNotFoundException e) {
            throw new CospadiException(
                    "there is no Spark here; start this command by spark-submit --master URL, with the same arguments",
                    e);
        }
    }
}
