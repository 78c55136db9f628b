package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.compression.RunReport;
import io.cospadi.compression.RunReport.Sample;
import io.cospadi.compression.RunReport.Score;
import io.cospadi.compression.StoppedException;
import io.cospadi.evaluation.Perplexity;
import io.cospadi.factorization.Method;
import io.cospadi.report.HtmlReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code demo}: the whole path on the model that ships inside, offline. */
@Command(
        name = "demo",
        description =
                "Compresses a small real Llama that ships inside by CoSpaDi and by SVD-LLM, evaluates all three, draws a report; offline.")
final class DemoCommand implements Callable<Integer> {
    private static final String STOPPED = "run it again, it starts anew";
    private static final String PROMPT = "And it came to pass in those days, that";

    @Option(names = "--out", paramLabel = "DIR", description = "Folder to work in (default: ${DEFAULT-VALUE}).")
    private Path out = Path.of("cospadi-demo");

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;
    private final StopSignal stop;

    DemoCommand(Terminal terminal, StopSignal stop) {
        this.terminal = terminal;
        this.stop = stop;
    }

    @Override
    public Integer call() throws IOException {
        stop.orderly(STOPPED);
        try (DemoFolder folder = DemoFolder.prepare(out)) {
            List<DemoResult> results = run(folder);
            HtmlReport.write(
                    folder.report(),
                    results.stream()
                            .filter(DemoResult::compressed)
                            .map(DemoResult::report)
                            .toList());
            if (shared.json) {
                terminal.json(json(folder, results));
            } else {
                terminal.out().print(new DemoView(folder, results).text());
            }
            return ExitStatus.DONE;
        } catch (StoppedException e) {
            terminal.failure("stopped; " + STOPPED);
            return ExitStatus.STOPPED;
        }
    }

    private List<DemoResult> run(DemoFolder folder) throws IOException {
        try (Backend backend = shared.open(terminal)) {
            return run(folder, backend, shared.threads());
        }
    }

    private List<DemoResult> run(DemoFolder folder, Backend backend, int threads) throws IOException {
        DemoRun run = new DemoRun(folder.model(), backend);
        List<DemoResult> results = new ArrayList<>();
        Path dense = folder.model().dense();
        terminal.note("evaluating the dense model");
        Score denseScore = EvaluationFile.score(Score.DENSE, run.evaluate(dense, folder.path()));
        Sample denseSample = run.generate(dense, Score.DENSE, PROMPT);
        results.add(DemoResult.dense(DemoRun.weightBytes(dense), denseScore.value(), denseSample));
        for (Method method : folder.methods()) {
            Path compact = folder.compact(method);
            terminal.note("compressing with " + method.option());
            RunReport report;
            try (JobDisplay display = new JobDisplay(terminal, System::nanoTime)) {
                report = run.compress(method, compact, JobRun.environment(backend, threads, display, stop));
            }
            Perplexity perplexity = run.evaluate(compact, folder.path());
            Score score = EvaluationFile.score(Score.COMPRESSED, perplexity);
            Sample sample = run.generate(compact, Score.COMPRESSED, PROMPT);
            report = DemoRun.extend(compact, report, List.of(denseScore, score), List.of(denseSample, sample));
            results.add(DemoResult.of(DemoRun.weightBytes(compact), perplexity.value(), sample, report));
        }
        return results;
    }

    private static ObjectNode json(DemoFolder folder, List<DemoResult> results) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        ArrayNode list = json.putArray("results");
        for (DemoResult result : results) {
            list.addObject()
                    .put("method", result.method())
                    .put("ratio", result.ratio())
                    .put("perplexity", result.perplexity())
                    .put("seconds", result.seconds())
                    .put("bytes", result.bytes());
        }
        json.put("compact", folder.compact(Method.COSPADI).toString());
        json.put("report", folder.report().toString());
        return json;
    }
}
