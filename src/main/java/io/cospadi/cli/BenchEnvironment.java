package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.gpu.CudaDevices;

/** What every benchmark's JSON says of where it ran: without it a figure means nothing. */
final class BenchEnvironment {
    private BenchEnvironment() {}

    /** Adds program, backend, processor, threads, and a GPU's clocks as they are now, right behind the work. */
    static void put(ObjectNode json, Backend backend, SharedOptions shared) {
        json.put("program", BuildInfo.read().toString())
                .put("backend", backend.identity())
                .put("processor", Machine.here().cpu())
                .put("threads", shared.threads());
        if (backend.name().equals("cuda")) {
            json.put("early_launches", CudaDevices.EARLY_LAUNCHES);
            Clocks.now(shared.gpu.device()).ifPresent(clocks -> json.put("clocks", clocks));
        }
    }
}
