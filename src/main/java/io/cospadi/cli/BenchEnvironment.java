package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.Backend;
import io.cospadi.gpu.CudaDevices;
import io.cospadi.gpu.DeviceProperties;

/** What every benchmark's JSON says of where it ran: without it a figure means nothing. */
final class BenchEnvironment {
    private BenchEnvironment() {}

    /** Adds program, backend, processor, threads, and a GPU's clocks as they are now, right behind the work. */
    static void put(ObjectNode json, Backend backend, SharedOptions shared) {
        BuildInfo build = BuildInfo.read();
        json.put("program", build.toString())
                .put("commit", build.commit())
                .put("backend", backend.identity())
                .put("processor", Machine.here().cpu())
                .put("threads", shared.threads());
        if (backend.name().equals("cuda")) {
            DeviceProperties device = CudaDevices.list().get(shared.gpu.device());
            json.put("device", device.name()).put("pci_bus_id", device.pciBusId());
            json.put("cuda", device.driver()).put("early_launches", CudaDevices.EARLY_LAUNCHES);
            Machine.here().gpuDriver().ifPresent(version -> json.put("driver", version));
            Clocks.now(device.pciBusId()).ifPresent(clocks -> json.put("clocks", clocks));
        } else {
            json.put("device", Machine.here().cpu());
        }
    }
}
