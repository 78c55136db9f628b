package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.compression.CompressionJob;
import io.cospadi.compression.JobEnvironment;
import io.cospadi.compression.JobPlaces;
import io.cospadi.compression.JobResult;
import io.cospadi.compression.Recipe;
import io.cospadi.compression.RecipeDocument;
import io.cospadi.compression.StoppedException;
import io.cospadi.report.HtmlReport;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.Callable;
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

    @Option(names = "--out", paramLabel = "DIR", description = "The compact folder to be written.")
    private String out;

    @Option(
            names = "--data",
            paramLabel = "FILE",
            arity = "1..*",
            description = "Calibration text: .txt, .jsonl with \"text\", or token ids as .ids or .json.")
    private List<String> data;

    @Option(names = "--stats", paramLabel = "DIR", description = "Gram store of calibrate, instead of --data.")
    private String stats;

    @Option(names = "--keep-work", description = "Leave DIR.work behind.")
    private boolean keepWork;

    @Option(names = "--force", description = "Replace DIR, when the new one is complete.")
    private boolean force;

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
        int threads = Backends.threads(document.threads().orElse(null));
        String resume = "everything finished is kept in " + places.work() + "; the same command resumes";
        stop.orderly(resume);
        JobResult result;
        try (Backend backend = Backends.open(document.backend(), threads, terminal);
                JobDisplay display = new JobDisplay(terminal, System::nanoTime)) {
            JobEnvironment environment = new JobEnvironment(
                    backend,
                    threads,
                    BuildInfo.read().toString(),
                    Clock.systemUTC(),
                    Machine.here()::host,
                    (report, folder) -> HtmlReport.write(folder.resolve("report.html"), List.of(report)),
                    display,
                    stop::requested);
            result = new CompressionJob(recipe, places, environment).run();
        } catch (StoppedException e) {
            terminal.failure("stopped; " + resume);
            return ExitStatus.STOPPED;
        }
        show(places, result);
        return ExitStatus.DONE;
    }

    private void show(JobPlaces places, JobResult result) {
        RunView view = new RunView(places.out().toString(), result.report());
        if (shared.json) {
            terminal.json(view.json());
        } else {
            terminal.out().print(view.text());
        }
    }

    private ObjectNode given() {
        ObjectNode given = JsonNodeFactory.instance.objectNode();
        RecipeOptions.put(given, "out", out);
        RecipeOptions.put(given, "data", data);
        RecipeOptions.put(given, "stats", stats);
        RecipeOptions.put(given, "backend", shared.backend);
        RecipeOptions.put(given, "threads", shared.threads);
        if (keepWork) {
            given.put("keep-work", true);
        }
        if (force) {
            given.put("force", true);
        }
        return given;
    }
}
