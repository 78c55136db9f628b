package io.cospadi.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code bench WHAT}: speed as a share of what the same machine does at the same time. */
@Command(
        name = "bench",
        synopsisSubcommandLabel = "WHAT",
        description = "Measures speed as a share of what the machine does at the same time on the same threads.")
final class BenchCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        throw new ParameterException(
                spec.commandLine(), "bench needs what to measure: compress, decode, gradients or kernels");
    }
}
