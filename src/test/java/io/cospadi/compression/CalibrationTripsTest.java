package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.TestBackends;
import io.cospadi.calibration.GradientSettings;
import io.cospadi.calibration.WindowSettings;
import io.cospadi.decoder.ActivationMemory;
import io.cospadi.gpu.CallCounts;
import io.cospadi.gpu.EmulatedCuda;
import io.cospadi.tensor.Progress;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where a device has the room, nothing that it computes for a window crosses to the host. */
class CalibrationTripsTest {
    private static final long GB = 1L << 30;

    @TempDir
    Path folder;

    /** What came back from the device. */
    private int crossings(TinyJob job, int windows) {
        CallCounts counts = new CallCounts(new EmulatedCuda());
        WindowSettings grams = new WindowSettings(windows, 16, false, 42);
        GradientPlan gradients = GradientPlan.beside(grams, windows, OptionalInt.empty(), GradientSettings.DEFAULT);
        try (Backend backend = TestBackends.on(counts.calls(), Long.MAX_VALUE)) {
            new CalibrationJob(
                            job.model(), List.of(job.data()), job.out("stats" + windows), grams, Optional.of(gradients))
                    .run(Share.WHOLE, backend, JobListener.NONE, task -> Progress.NONE, () -> false);
            assertEquals(0, backend.allocatedBytes());
        }
        return counts.of("toHost") + counts.of("fetch") + counts.of("synchronize");
    }

    @Test
    void windowsCrossToTheHostInNoLayer() {
        TinyJob job = TinyJob.in(folder);
        int few = crossings(job, 8);
        assertTrue(few > 0, "sums come back");
        assertEquals(few, crossings(job, 24), "from 24 windows as from 8");
    }

    @Test
    void aDeviceKeepsWhatItHasToSpare() {
        try (Backend device = TestBackends.on(new EmulatedCuda(16 * GB), Long.MAX_VALUE)) {
            assertEquals(ActivationMemory.LEAST_BYTES + 9 * GB, ActivationMemory.of(device, 4 * GB));
            assertEquals(ActivationMemory.LEAST_BYTES, ActivationMemory.of(device, 16 * GB));
            assertEquals(ActivationMemory.LEAST_BYTES, ActivationMemory.of(device, 40 * GB));
        }
        try (Backend limited = TestBackends.on(new EmulatedCuda(16 * GB), 8 * GB)) {
            assertEquals(ActivationMemory.LEAST_BYTES + 3 * GB, ActivationMemory.of(limited, 4 * GB));
        }
        try (Backend processor = new CpuBackend(1)) {
            assertEquals(ActivationMemory.LEAST_BYTES, ActivationMemory.of(processor, 4 * GB));
        }
    }
}
