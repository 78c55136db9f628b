package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cospadi.gpu.CallCounts;
import io.cospadi.gpu.EmulatedCuda;
import io.cospadi.tensor.DType;
import org.junit.jupiter.api.Test;

/** Recordings that come to nothing. */
class CudaRecordingTest {
    @Test
    void verbsThatFailLeaveNothingOpen() {
        CallCounts counts = new CallCounts(new EmulatedCuda());
        try (Backend backend = TestBackends.on(counts.calls(), Long.MAX_VALUE);
                Matrix x = backend.allocate(1, 3, DType.F32)) {
            long available = backend.availableBytes();
            IllegalStateException failure = new IllegalStateException("after some verbs");
            assertSame(
                    failure,
                    assertThrows(
                            IllegalStateException.class,
                            () -> backend.record(() -> {
                                backend.fill(x, 1);
                                backend.allocate(100, 100, DType.F32).close();
                                throw failure;
                            })));
            assertEquals(1, counts.of("endCapture"));
            assertEquals(available, backend.availableBytes(), "memory of the recording");
            backend.fill(x, 2);
            assertArrayEquals(new float[] {2, 2, 2}, backend.readFloats(x), "verbs run again");
            try (Recording recording = backend.record(() -> backend.fill(x, 3)).orElseThrow()) {
                recording.replay(0);
            }
            assertArrayEquals(new float[] {3, 3, 3}, backend.readFloats(x), "and are recorded");
        }
    }
}
