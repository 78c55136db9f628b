package io.cospadi.cli;

import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A GPU's clocks, as NVIDIA's own tool tells them. */
final class Clocks {
    private static final String FIELDS =
            "name,driver_version,clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem,power.draw,power.limit,temperature.gpu";

    private Clocks() {}

    /**
     * "name, driver, SM and memory clock, their limits, power, its limit, temperature"; empty where the tool is missing.
     *
     * @param pciBusId of the GPU: the tool counts GPUs by it and knows nothing of CUDA_VISIBLE_DEVICES, so that the driver's
     *                 number may be another GPU's there
     */
    static Optional<String> now(String pciBusId) {
        try {
            Process tool = new ProcessBuilder(
                            "nvidia-smi", "-i", pciBusId, "--query-gpu=" + FIELDS, "--format=csv,noheader")
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            String line = new String(tool.getInputStream().readAllBytes()).strip();
            return tool.waitFor(10, TimeUnit.SECONDS) && tool.exitValue() == 0 ? Optional.of(line) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }
}
