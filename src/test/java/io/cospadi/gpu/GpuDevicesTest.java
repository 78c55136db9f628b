package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
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
    void devicesAreNamedByTheirPlaceOnTheBusToo() {
        Gpu.open();
        for (DeviceProperties device : CudaDevices.list()) {
            assertTrue(
                    device.pciBusId().matches("\\p{XDigit}{4,8}:\\p{XDigit}{2}:\\p{XDigit}{2}\\.\\d"),
                    device.toString());
        }
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

    private static final int BYTES = 256 << 20;
    private static final int LAST = 1 << 12;

    private static CudaCalls.Piece of(byte value) {
        return (memory, offset) -> {
            while (memory.hasRemaining()) {
                memory.put(value);
            }
        };
    }

    private static byte[] read(CudaCalls device, long from, int bytes) {
        byte[] found = new byte[bytes];
        device.toHost(from, bytes, (memory, offset) -> memory.get(found, (int) offset, memory.remaining()));
        return found;
    }

    private static byte[] all(byte value) {
        byte[] expected = new byte[LAST];
        Arrays.fill(expected, value);
        return expected;
    }

    /** The last piece is on its way for longer than the host takes to queue the next call. */
    @Test
    void whatComesLaterSeesWhatWasCopiedBesideTheQueue() {
        CudaCalls device = Gpu.open();
        long to = device.allocate(BYTES);
        long end = device.allocate(LAST);
        device.zero(to, BYTES);
        device.synchronize();
        for (byte value = 1; value < 5; value++) {
            device.toDeviceBeside(null, to, BYTES, of(value));
            device.copy(end, to + BYTES - LAST, LAST);
            assertArrayEquals(all(value), read(device, end, LAST));
        }
        device.free(to);
        device.free(end);
    }

    /** Copies that read a block for longer than it takes to overwrite its beginning. */
    @Test
    void aCopyBesideTheQueueWaitsForThoseWhoReadItsBytes() {
        CudaCalls device = Gpu.open();
        long block = device.allocate(BYTES);
        long elsewhere = device.allocate(BYTES);
        device.toDevice(block, BYTES, of((byte) 1));
        device.synchronize();
        for (int i = 0; i < 300; i++) {
            device.copy(elsewhere, block, BYTES);
        }
        try (CudaCalls.Mark lastUse = device.mark()) {
            device.toDeviceBeside(lastUse, block, BYTES, of((byte) 2));
        }
        device.copy(block, block + BYTES / 2, LAST); // behind it in the queue
        assertArrayEquals(all((byte) 1), read(device, elsewhere, LAST), "the readers' first bytes");
        assertArrayEquals(all((byte) 1), read(device, elsewhere + BYTES - LAST, LAST), "and last");
        assertArrayEquals(all((byte) 2), read(device, block, LAST));
        device.free(block);
        device.free(elsewhere);
    }

    @Test
    void aMarkHasPassedWhenTheQueueHasComeSoFar() {
        CudaCalls device = Gpu.open();
        long block = device.allocate(BYTES);
        device.zero(block, BYTES);
        device.synchronize();
        for (int i = 0; i < 300; i++) {
            device.zero(block, BYTES);
        }
        try (CudaCalls.Mark mark = device.mark()) {
            assertFalse(mark.passed(), "300 times " + BYTES + " bytes take longer than to queue them");
            device.synchronize();
            assertTrue(mark.passed());
        }
        device.free(block);
    }
}
