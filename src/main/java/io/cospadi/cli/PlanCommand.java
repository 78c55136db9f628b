package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Checkpoint;
import io.cospadi.compression.Plan;
import io.cospadi.compression.Recipe;
import io.cospadi.compression.RecipeDocument;
import io.cospadi.compression.RecipeException;
import io.cospadi.tensor.CospadiException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code plan MODEL --ratio R}: what a compression will come to, from headers alone. */
@Command(
        name = "plan",
        description =
                "Says from headers alone what compress would do: sizes of every projection, true ratios, memory, time.")
final class PlanCommand implements Callable<Integer> {
    @Mixin
    private RecipeOptions options;

    @Option(names = "--stats", paramLabel = "DIR", description = "Plan for Grams that are already there.")
    private Path stats;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;

    PlanCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        ObjectNode others = JsonNodeFactory.instance.objectNode();
        RecipeOptions.put(others, "backend", shared.backend);
        RecipeOptions.put(others, "threads", shared.threads);
        RecipeDocument document = options.document(others);
        Recipe recipe = document.recipe();
        if (recipe.maxPerplexityIncrease().isPresent()) {
            throw RecipeException.usage(
                    "plan needs --ratio: which one --max-perplexity-increase allows, compress finds out");
        }
        int threads = document.threads().orElse(Runtime.getRuntime().availableProcessors());
        Optional<Path> model = document.model();
        if (model.isEmpty()) {
            throw RecipeException.missingModel();
        }
        if (stats != null && !GramStore.exists(stats)) {
            throw new CospadiException(
                    stats + " holds no Gram store; name a folder that calibrate wrote, or leave --stats out");
        }
        try (Checkpoint checkpoint = Checkpoint.open(model.get())) {
            checkpoint.requireDense();
            Plan plan = Plan.of(checkpoint, recipe, stats == null, threads, 0);
            plan.requireRatio(recipe);
            PlanView view =
                    new PlanView(model.get().toString(), checkpoint.config(), recipe, plan, shared.gpu.maxVram());
            if (shared.json) {
                terminal.json(view.json());
            } else {
                terminal.out().print(view.text());
            }
        }
        return ExitStatus.DONE;
    }
}
