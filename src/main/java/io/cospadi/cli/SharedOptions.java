package io.cospadi.cli;

import io.cospadi.backend.Backend;
import io.cospadi.compression.RecipeException;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What every command that computes takes. */
final class SharedOptions {
    @Option(
            names = "--backend",
            paramLabel = "auto|cpu|cuda",
            description = "What computes; auto takes the best there is and says so (default: auto).",
            converter = Choices.BackendName.class)
    String backend;

    @Option(names = "--threads", paramLabel = "N", description = "Threads to compute with (default: all processors).")
    Integer threads;

    @Mixin
    GpuOptions gpu = new GpuOptions();

    @Option(names = "--json", description = "Print one JSON object on stdout and nothing else there.")
    boolean json;

    /** The backend that they name; the caller closes it. */
    Backend open(Terminal terminal) {
        return Backends.open(backend == null ? "auto" : backend, threads(), gpu, terminal);
    }

    /** As many as asked for, else all processors. */
    int threads() {
        if (threads != null) {
            atLeast("--threads", threads, 1);
        }
        return Backends.threads(threads);
    }

    /** A number that makes no sense is a matter of usage. */
    static void atLeast(String option, long value, long least) {
        if (value < least) {
            throw RecipeException.usage(option + " is at least " + least + "; found " + value);
        }
    }
}
