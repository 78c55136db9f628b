package io.cospadi.cli;

import io.cospadi.format.Verifier;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code verify MODEL}: whether a folder is sound. */
@Command(
        name = "verify",
        description =
                "Checks a dense or compact folder: config.json, every byte of its weights, its tokenizer; of a compact one"
                        + " every file by its checksum, but for README.md, reports and events. Status 1 names the first defect.")
final class VerifyCommand implements Callable<Integer> {
    @Parameters(paramLabel = "MODEL", description = "Dense or compact folder.")
    private Path model;

    @Option(names = "--json", description = "Print one JSON object on stdout and nothing else there.")
    private boolean json;

    private final Terminal terminal;

    VerifyCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        Verifier.Summary summary;
        try (JobDisplay display = new JobDisplay(terminal, System::nanoTime)) {
            summary = Verifier.verify(model, new TaskProgress(display, "verifying"));
        }
        if (json) {
            Map<String, Object> object = new LinkedHashMap<>();
            object.put("model", model.toString());
            object.put("sound", true);
            object.put("compact", summary.compact());
            object.put("files", summary.files());
            object.put("unchecked", summary.unchecked());
            object.put("tokenizer", summary.tokenizer());
            object.put("tensors", summary.tensors());
            object.put("groups", summary.groups());
            object.put("extras", summary.extras());
            if (summary.sizes() != null) {
                object.put("file_bytes", summary.sizes().fileBytes());
                object.put(
                        "ratio",
                        Map.of(
                                "projections", summary.sizes().ratioProjections(),
                                "file", summary.sizes().ratioFile()));
            }
            terminal.json(object);
            return ExitStatus.DONE;
        }
        terminal.out()
                .println(model + " is sound: a " + (summary.compact() ? "compact" : "dense") + " folder, "
                        + Quantities.count(summary.tensors(), "tensor") + ", "
                        + (summary.groups() > 0 ? Quantities.count(summary.groups(), "sharing group") + ", " : "")
                        + Quantities.count(summary.files(), "file") + " checked");
        if (summary.sizes() != null) {
            terminal.out()
                    .printf(
                            Locale.ROOT,
                            "%,d bytes of safetensors; true ratio %.4f over projections, %.4f over files%n",
                            summary.sizes().fileBytes(),
                            summary.sizes().ratioProjections(),
                            summary.sizes().ratioFile());
        }
        if (!summary.unchecked().isEmpty()) {
            terminal.note("not checked, as no checksum covers them: " + String.join(", ", summary.unchecked()));
        }
        if (!summary.tokenizer()) {
            terminal.note(model + " has no tokenizer.json; token ids can be given to it, text can't");
        }
        if (!summary.extras().isEmpty()) {
            terminal.note("tensors that the model doesn't read: " + String.join(", ", summary.extras()));
        }
        return ExitStatus.DONE;
    }
}
