package io.cospadi.cli;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.CudaBackend;
import io.cospadi.compression.RecipeException;
import io.cospadi.gpu.CudaUnavailableException;
import io.cospadi.tensor.CospadiException;
import java.util.Optional;
import java.util.OptionalInt;

/** Chooses what computes, once, and says so where the choice was left open. */
final class Backends {
    private Backends() {}

    /**
     * Opens a backend; the caller closes it.
     *
     * @param name    auto, cpu or cuda
     * @param threads of the CPU, at least 1
     * @throws CospadiException if cuda is asked for and can't be had
     */
    static Backend open(String name, int threads, GpuOptions gpu, Terminal terminal) {
        if (name.equals("cpu") && gpu.given()) {
            throw RecipeException.usage("--device and --max-vram are for GPUs; leave them out with --backend cpu");
        }
        return open(name, gpu.asking(), threads, gpu.device(), gpu.maxVram(), terminal);
    }

    /**
     * The same on a GPU that somebody else has chosen, who may have chosen none.
     *
     * @param device of it, as the driver counts
     * @throws CospadiException if cuda is asked for and can't be had
     */
    static Backend open(String name, int threads, OptionalInt device, long maxVram, Terminal terminal) {
        if (device.isPresent()) {
            return open(name, Optional.empty(), threads, device.getAsInt(), maxVram, terminal);
        }
        if (name.equals("cuda")) {
            throw new CospadiException("--backend cuda can't be met: no GPU is set apart for a task; add"
                    + " --conf spark.task.resource.gpu.amount=1 --conf spark.executor.resource.gpu.amount=1");
        }
        return cpu(threads);
    }

    /** @param asking what keeps auto from falling back to the CPU, if anything does */
    private static Backend open(
            String name, Optional<String> asking, int threads, int device, long maxVram, Terminal terminal) {
        if (name.equals("cpu")) {
            return cpu(threads);
        }
        try {
            CudaBackend backend = CudaBackend.open(device, maxVram, threads);
            if (name.equals("auto")) {
                terminal.note("computing on " + backend.identity());
            }
            return backend;
        } catch (CudaUnavailableException e) {
            if (name.equals("cuda") || asking.isPresent()) {
                throw new CospadiException(
                        (name.equals("cuda") ? "--backend cuda" : asking.get()) + " can't be met: " + e.getMessage()
                                + "; or use --backend cpu",
                        e);
            }
            String limit = maxVram == Long.MAX_VALUE ? "" : " (--max-vram limits nothing there)";
            terminal.note("computing on the CPU with " + Quantities.count(threads, "thread") + limit + ", as "
                    + e.getMessage());
            return cpu(threads);
        }
    }

    private static Backend cpu(int threads) {
        try {
            return new CpuBackend(threads);
        } catch (LinkageError e) {
            throw new CospadiException(
                    "the CPU backend's native library can't be loaded (" + e
                            + "); it is built for Linux on x86-64 and arm64 and unpacks to ~/.javacpp/cache",
                    e);
        }
    }

    /** How many threads to compute with: as many as asked for, else all processors. */
    static int threads(Integer asked) {
        return asked == null ? Runtime.getRuntime().availableProcessors() : asked;
    }
}
