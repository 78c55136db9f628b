package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.compression.DividedJob;
import io.cospadi.compression.JobPlaces;
import io.cospadi.compression.Recipe;
import io.cospadi.compression.RecipeDocument;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code budget MODEL --out DIR --ratio R --stats STATS}: the sizes that all shares use, found once. */
@Command(
        name = "budget",
        description =
                "Finds the sizes under a budget other than uniform and shows them: ratio, predicted loss and bytes of each"
                        + " projection. compress --shard needs them.")
final class BudgetCommand implements Callable<Integer> {
    @Mixin
    private RecipeOptions options;

    @Option(names = "--out", paramLabel = "DIR", description = "The compact folder to be; sizes go to DIR.budget.work.")
    private String out;

    @Option(names = "--stats", paramLabel = "STATS", description = "Gram store of calibrate or merge-stats.")
    private String stats;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;
    private final StopSignal stop;

    BudgetCommand(Terminal terminal, StopSignal stop) {
        this.terminal = terminal;
        this.stop = stop;
    }

    @Override
    public Integer call() {
        ObjectNode given = JsonNodeFactory.instance.objectNode();
        RecipeOptions.put(given, "out", out);
        RecipeOptions.put(given, "stats", stats);
        RecipeOptions.put(given, "backend", shared.backend);
        RecipeOptions.put(given, "threads", shared.threads);
        RecipeDocument document = options.document(given);
        JobPlaces places = document.places();
        Recipe recipe = document.recipe();
        DividedJob.requireDividable(recipe, places);
        Optional<DividedJob.BudgetResult> sizes = new JobRun(terminal, stop, "the same command begins anew", shared.gpu)
                .run(
                        document.backend(),
                        Backends.threads(document.threads().orElse(null)),
                        environment -> new DividedJob(recipe, places, environment).budget());
        if (sizes.isEmpty()) {
            return ExitStatus.STOPPED;
        }
        BudgetView view = new BudgetView(sizes.get().work(), sizes.get().allocations());
        if (shared.json) {
            terminal.json(view.json());
        } else {
            terminal.out().print(view.text());
        }
        return ExitStatus.DONE;
    }
}
