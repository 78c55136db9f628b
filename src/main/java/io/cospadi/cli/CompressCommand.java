package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.compression.CompressionJob;
import io.cospadi.compression.DividedJob;
import io.cospadi.compression.JobEnvironment;
import io.cospadi.compression.JobPlaces;
import io.cospadi.compression.JobResult;
import io.cospadi.compression.Recipe;
import io.cospadi.compression.RecipeDocument;
import io.cospadi.compression.Share;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code compress MODEL --out DIR --ratio R --data FILE...}: the main job. */
@Command(
        name = "compress",
        description = {"Compresses a model. Work goes to DIR.work; stopped at any moment, the same command resumes.", ""
        })
final class CompressCommand implements Callable<Integer> {
    @Mixin
    private RecipeOptions options;

    @Mixin
    private PlaceOptions placeOptions;

    @Option(
            names = "--shard",
            paramLabel = "I/N",
            description = "Only share I (from 0) of N of the projections, into DIR.I-of-N.work; needs --stats.")
    private String shard;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;
    private final StopSignal stop;

    CompressCommand(Terminal terminal, StopSignal stop) {
        this.terminal = terminal;
        this.stop = stop;
    }

    @Override
    public Integer call() {
        RecipeDocument document = options.document(given());
        JobPlaces places = document.places();
        Recipe recipe = document.recipe();
        return shard == null ? whole(document, recipe, places) : share(document, recipe, places);
    }

    private int whole(RecipeDocument document, Recipe recipe, JobPlaces places) {
        Optional<JobResult> result =
                run(document, places.work(), environment -> new CompressionJob(recipe, places, environment).run());
        if (result.isEmpty()) {
            return ExitStatus.STOPPED;
        }
        new RunView(places.out().toString(), result.get().report()).show(terminal, shared.json);
        return ExitStatus.DONE;
    }

    private int share(RecipeDocument document, Recipe recipe, JobPlaces places) {
        Share share = Share.parse(shard);
        DividedJob.requireDividable(recipe, places);
        Optional<DividedJob.ShareResult> result = run(
                document, places.work(share), environment -> new DividedJob(recipe, places, environment).share(share));
        if (result.isEmpty()) {
            return ExitStatus.STOPPED;
        }
        DividedJob.ShareResult done = result.get();
        if (shared.json) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("work", done.work().toString());
            json.put("shard", share.toString());
            json.put("projections", done.projections());
            json.put("made", done.made());
            terminal.json(json);
        } else {
            terminal.out()
                    .println(done.work() + ": share " + share + " is complete, " + done.projections()
                            + " projections; merge makes " + places.out() + " of all shares");
        }
        return ExitStatus.DONE;
    }

    private <T> Optional<T> run(RecipeDocument document, Path work, Function<JobEnvironment, T> job) {
        return new JobRun(
                        terminal,
                        stop,
                        "everything finished is kept in " + work + "; the same command resumes",
                        shared.gpu)
                .run(document.backend(), Backends.threads(document.threads().orElse(null)), job);
    }

    private ObjectNode given() {
        ObjectNode given = JsonNodeFactory.instance.objectNode();
        placeOptions.put(given);
        RecipeOptions.put(given, "backend", shared.backend);
        RecipeOptions.put(given, "threads", shared.threads);
        return given;
    }
}
