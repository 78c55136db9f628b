package io.cospadi.cli;

import io.cospadi.backend.Backend;
import io.cospadi.cluster.BackendSource;
import io.cospadi.tensor.CospadiException;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Opens what a Spark task computes with, on the executor: the GPU that Spark has set apart for it, or the CPU.
 *
 * @param name    auto, cpu or cuda
 * @param threads of a task
 * @param maxVram most bytes of the GPU's memory to hold
 */
record TaskBackend(String name, int threads, long maxVram) implements BackendSource {
    @Override
    public Backend open(Optional<String> device) {
        Terminal log = new Terminal(System.out, System.err, OptionalInt.empty());
        return Backends.open(
                name,
                threads,
                device.map(address -> OptionalInt.of(number(address))).orElse(OptionalInt.empty()),
                maxVram,
                log);
    }

    private static int number(String address) {
        try {
            return Integer.parseInt(address);
        } catch (NumberFormatException e) {
            throw new CospadiException(
                    "Spark sets GPU \"" + address + "\" apart for a task, which is no number; let"
                            + " spark.executor.resource.gpu.discoveryScript name GPUs as the driver counts them, from 0",
                    e);
        }
    }
}
