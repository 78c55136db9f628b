package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What only a driver can tell; skipped without a GPU. */
@Tag("gpu")
class GpuDevicesTest {
    @Test
    void deviceThatIsNotThereIsNamed() {
        Gpu.open();
        String message = assertThrows(CudaUnavailableException.class, () -> CudaDevices.open(99))
                .getMessage();
        assertTrue(message.startsWith("there is no device 99; this machine has device"), message);
    }

    @Test
    void everyKernelLoads() {
        Gpu.open().synchronize(); // its context is this thread's
        try (KernelModules modules = new KernelModules()) {
            KernelImages.fileOfKernel().keySet().forEach(kernel -> modules.function(kernel, 0));
        }
    }
}
