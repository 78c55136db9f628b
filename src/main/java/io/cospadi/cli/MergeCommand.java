package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.compression.JobPlaces;
import io.cospadi.compression.JobResult;
import io.cospadi.compression.MergeJob;
import io.cospadi.compression.Recipe;
import io.cospadi.compression.RecipeDocument;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code merge WORK... --out DIR}: the shares of one compression become its compact folder. */
@Command(
        name = "merge",
        description = "Assembles and verifies what all shares of compress --shard made; their work folders stay.")
final class MergeCommand implements Callable<Integer> {
    @Parameters(arity = "1..*", paramLabel = "WORK", description = "Work folders of all shares: DIR.I-of-N.work.")
    private List<Path> works;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "The compact folder to be written.")
    private String out;

    @Option(names = "--model", paramLabel = "MODEL", description = "The dense model, if it lies elsewhere than it did.")
    private String model;

    @Option(names = "--stats", paramLabel = "STATS", description = "The Gram store, if it lies elsewhere than it did.")
    private String stats;

    @Option(names = "--keep-work", description = "Leave DIR.work behind.")
    private boolean keepWork;

    @Option(
            names = "--force",
            description = "Replace DIR, when the new one is complete. DIR.work is not touched by it.")
    private boolean force;

    @Option(names = "--json", description = "Print one JSON object on stdout and nothing else there.")
    private boolean json;

    private final Terminal terminal;
    private final StopSignal stop;

    MergeCommand(Terminal terminal, StopSignal stop) {
        this.terminal = terminal;
        this.stop = stop;
    }

    @Override
    public Integer call() {
        ObjectNode given = JsonNodeFactory.instance.objectNode();
        RecipeOptions.put(given, "out", out);
        RecipeOptions.put(given, "model", model);
        RecipeOptions.put(given, "stats", stats);
        given.put("keep-work", keepWork).put("force", force);
        RecipeDocument document = MergeJob.document(works).overlay(given);
        JobPlaces places = document.places();
        Recipe recipe = document.recipe();
        Optional<JobResult> result = new JobRun(terminal, stop, "the same command begins anew", new GpuOptions())
                .run("cpu", Backends.threads(document.threads().orElse(null)), environment -> new MergeJob(
                                works, recipe, places, environment)
                        .run());
        if (result.isEmpty()) {
            return ExitStatus.STOPPED;
        }
        new RunView(places.out().toString(), result.get().report()).show(terminal, json);
        return ExitStatus.DONE;
    }
}
