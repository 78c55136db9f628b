package io.cospadi.cli;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.tensor.CospadiException;

/** Chooses what computes, once, and says so where the choice was left open. */
final class Backends {
    private Backends() {}

    /**
     * Opens a backend; the caller closes it.
     *
     * @param name    auto, cpu or cuda
     * @param threads at least 1
     * @throws CospadiException if cuda is asked for, which this build doesn't have
     */
    static Backend open(String name, int threads, Terminal terminal) {
        if (name.equals("cuda")) {
            throw new CospadiException(
                    "--backend cuda can't be met: this build has no CUDA backend; use --backend cpu");
        }
        if (name.equals("auto")) {
            terminal.note("computing on the CPU with " + threads + (threads == 1 ? " thread" : " threads")
                    + ", as this build has no CUDA backend");
        }
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
