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

    /** From either image. */
    @Test
    void everyKernelLoads() {
        CudaCalls device = Gpu.open();
        device.synchronize(); // its context is this thread's
        for (boolean early : new boolean[] {false, device.properties().major() >= 9}) {
            try (KernelModules modules = new KernelModules(early)) {
                KernelImages.fileOfKernel().keySet().forEach(kernel -> modules.function(kernel, 0));
            }
        }
    }
}
