package io.cospadi.cli;

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

    @Option(names = "--json", description = "Print one JSON object on stdout and nothing else there.")
    boolean json;
}
