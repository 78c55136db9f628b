package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** Where a whole compression reads and writes; each is also a key of a recipe file. */
final class PlaceOptions {
    @Option(names = "--out", paramLabel = "DIR", description = "The compact folder to be written.")
    private String out;

    @Option(
            names = "--data",
            paramLabel = "FILE",
            arity = "1..*",
            converter = ListedFile.class,
            description = "Calibration text: .txt, .jsonl with \"text\", or token ids as .ids or .json.")
    private List<Path> data;

    @Option(names = "--stats", paramLabel = "DIR", description = "Gram store of calibrate, instead of --data.")
    private String stats;

    @Option(names = "--keep-work", description = "Leave DIR.work behind.")
    private boolean keepWork;

    @Option(
            names = "--force",
            description = "Replace DIR, when the new one is complete. DIR.work is not touched by it.")
    private boolean force;

    /** Adds what was given. */
    void put(ObjectNode given) {
        RecipeOptions.put(given, "out", out);
        RecipeOptions.put(
                given,
                "data",
                data == null ? null : data.stream().map(Path::toString).toList());
        RecipeOptions.put(given, "stats", stats);
        if (keepWork) {
            given.put("keep-work", true);
        }
        if (force) {
            given.put("force", true);
        }
    }
}
