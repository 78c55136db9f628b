package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.DType;
import io.cospadi.tensor.DeviceMemoryException;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What is timed, and under which name. */
class CallTimesTest {
    private final EmulatedCuda device = new EmulatedCuda();
    private final CallTimes times = new CallTimes(device);
    private final CudaCalls calls = times.calls();
    private final long x = calls.allocate(64);
    private final long y = calls.allocate(64);

    @AfterEach
    void close() {
        device.close();
    }

    private void axpy() {
        new ArithmeticKernels(calls).axpy(DType.F32, 2, x, y, 16);
    }

    @Test
    void callsAreCountedByKernelOrByWhatWasAsked() {
        axpy();
        times.watch();
        assertEquals(Map.of(), times.totals(), "what came before does not count");
        calls.zero(x, 64);
        calls.zero(y, 64);
        axpy();
        axpy();
        axpy();
        calls.gemm(Arithmetic.F32, false, false, 4, 4, 4, 1, x, 4, x, 4, 0, y, 4);
        calls.fetch(y);
        calls.synchronize();
        Map<String, CallTimes.Total> totals = times.totals();
        assertEquals(Set.of("zero", "axpy_f32", "gemm F32", "fetch"), totals.keySet());
        assertEquals(2, totals.get("zero").calls());
        assertEquals(3, totals.get("axpy_f32").calls());
        assertTrue(totals.values().stream().allMatch(total -> total.milliseconds() > 0));
        times.watch();
        assertEquals(Map.of(), times.totals(), "watching again begins anew");
    }

    @Test
    void pausesAreLeftOut() {
        times.watch();
        axpy();
        times.pause();
        axpy();
        calls.gemm(Arithmetic.F32, false, false, 4, 4, 4, 1, x, 4, x, 4, 0, y, 4);
        times.resume();
        axpy();
        assertEquals(Set.of("axpy_f32"), times.totals().keySet());
        assertEquals(2, times.totals().get("axpy_f32").calls());
    }

    @Test
    void whatIsRecordedForAGraphIsNotTimed() {
        times.watch();
        calls.beginCapture();
        axpy();
        CudaCalls.Graph graph = calls.endCapture();
        graph.launch();
        graph.close();
        assertEquals(Map.of(), times.totals());
        axpy();
        assertEquals(1, times.totals().get("axpy_f32").calls());
    }

    /** So many that marks are read and closed on the way. */
    @Test
    void manyCallsAddUp() {
        times.watch();
        for (int i = 0; i < 2500; i++) {
            calls.zero(x, 64);
        }
        assertEquals(2500, times.totals().get("zero").calls());
    }

    @Test
    void failuresOfTheDeviceComeThroughAsTheyAre() {
        times.watch();
        assertThrows(DeviceMemoryException.class, () -> calls.allocate(1L << 50));
    }
}
