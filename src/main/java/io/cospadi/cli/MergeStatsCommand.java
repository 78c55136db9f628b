package io.cospadi.cli;

import io.cospadi.backend.Backend;
import io.cospadi.calibration.GramStore;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code merge-stats STATS... --out STATS}: shares of one calibration, or calibrations on different text, added up. */
@Command(
        name = "merge-stats",
        description = "Adds Gram stores: all shares of one calibration, or several calibrations of one model.")
final class MergeStatsCommand implements Callable<Integer> {
    @Parameters(arity = "1..*", paramLabel = "STATS", description = "Gram stores of calibrate.")
    private List<Path> stores;

    @Option(names = "--out", paramLabel = "STATS", required = true, description = "Folder of their sum.")
    private Path out;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;

    MergeStatsCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        GramStore merged;
        try (Backend backend = shared.open(terminal);
                JobDisplay display = new JobDisplay(terminal, System::nanoTime)) {
            List<GramStore> opened = stores.stream().map(GramStore::open).toList();
            merged = GramStore.merge(opened, out, backend, new TaskProgress(display, "adding"));
        }
        StoreView.print(out, merged, shared.json, terminal);
        return ExitStatus.DONE;
    }
}
