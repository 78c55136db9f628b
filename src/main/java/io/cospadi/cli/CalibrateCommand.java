package io.cospadi.cli;

import io.cospadi.backend.Backend;
import io.cospadi.compression.CalibrationJob;
import io.cospadi.compression.Share;
import io.cospadi.compression.StoppedException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code calibrate MODEL --data FILE... --out STATS}: Grams for later, for any method and ratio. */
@Command(
        name = "calibrate",
        description = "Runs text through a dense model and keeps the Gram matrix of every layer's inputs.")
final class CalibrateCommand implements Callable<Integer> {
    @Parameters(paramLabel = "MODEL", description = "Hugging Face folder of a dense model.")
    private Path model;

    @Option(
            names = "--data",
            paramLabel = "FILE",
            arity = "1..*",
            required = true,
            description = "Calibration text: .txt, .jsonl with \"text\", or token ids as .ids or .json.")
    private List<Path> data;

    @Option(names = "--out", paramLabel = "STATS", required = true, description = "Folder of the Gram store.")
    private Path out;

    @Option(names = "--windows", paramLabel = "N", description = "Windows (default: 256).")
    private int windows = 256;

    @Option(names = "--window", paramLabel = "N", description = "Tokens in each (default: 1024).")
    private int window = 1024;

    @Option(
            names = "--sample",
            paramLabel = "NAME",
            converter = Choices.SamplingName.class,
            description = "Windows taken: consecutive (default) or random.")
    private String sample = "consecutive";

    @Option(names = "--seed", paramLabel = "N", description = "Seed of random windows (default: 42).")
    private long seed = 42;

    @Option(names = "--shard", paramLabel = "I/N", description = "Only share I (from 0) of N; merge-stats joins them.")
    private String shard = "0/1";

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;
    private final StopSignal stop;

    CalibrateCommand(Terminal terminal, StopSignal stop) {
        this.terminal = terminal;
        this.stop = stop;
    }

    @Override
    public Integer call() {
        SharedOptions.atLeast("--windows", windows, 1);
        SharedOptions.atLeast("--window", window, 2);
        Share share = Share.parse(shard);
        String resume = "finished layers are kept in " + out + "; the same command resumes";
        stop.orderly(resume);
        long tokens;
        try (Backend backend = shared.open(terminal);
                JobDisplay display = new JobDisplay(terminal, System::nanoTime)) {
            tokens = new CalibrationJob(model, data, out, windows, window, sample.equals("random"), seed)
                    .run(share, backend, display, new TaskProgress(display, "calibrating"), stop::requested);
        } catch (StoppedException e) {
            terminal.failure("stopped; " + resume);
            return ExitStatus.STOPPED;
        }
        if (shared.json) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("stats", out.toString());
            json.put("tokens", tokens);
            terminal.json(json);
        } else {
            terminal.out().println(out + ": Grams of " + tokens + " tokens");
        }
        return ExitStatus.DONE;
    }
}
