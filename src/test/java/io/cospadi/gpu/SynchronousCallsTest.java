package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.Recording;
import io.cospadi.backend.TestBackends;
import io.cospadi.tensor.DType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import org.junit.jupiter.api.Test;

/** A fault that a device reports late is laid to the call that it is of. */
class SynchronousCallsTest {
    /** A device on which a kernel goes wrong, which shows when somebody waits. */
    private static CudaCalls failingIn(String kernel) {
        EmulatedCuda device = new EmulatedCuda();
        boolean[] failed = new boolean[1];
        return (CudaCalls) Proxy.newProxyInstance(
                CudaCalls.class.getClassLoader(), new Class<?>[] {CudaCalls.class}, (proxy, method, arguments) -> {
                    failed[0] |= method.getName().equals("launch") && arguments[0].equals(kernel);
                    if (failed[0]
                            && (method.getName().equals("synchronize")
                                    || method.getName().equals("toHost"))) {
                        throw new CudaException("cuStreamSynchronize", "CUDA_ERROR_ILLEGAL_ADDRESS", "")
                                .with("; look for it");
                    }
                    try {
                        return method.invoke(device, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private static String failure(CudaCalls device) {
        try (Backend backend = TestBackends.on(device, Long.MAX_VALUE);
                Matrix x = backend.allocate(3, 5, DType.F32)) {
            return assertThrows(CudaException.class, () -> {
                        backend.fill(x, 2);
                        backend.axpy(2, x, x);
                        backend.scale(0.5, x);
                        backend.readFloats(x);
                    })
                    .getMessage();
        }
    }

    @Test
    void theCallIsNamedWithItsSizes() {
        assertEquals(
                "cuStreamSynchronize failed with CUDA_ERROR_ILLEGAL_ADDRESS; look for it",
                failure(failingIn("axpy_f32")),
                "late");
        String said = failure(SynchronousCalls.of(failingIn("axpy_f32")));
        assertTrue(said.startsWith("launch(axpy_f32, grid (1, 1, 1), block (256, 1), "), said);
        assertTrue(said.contains("values(") && said.endsWith("failed with CUDA_ERROR_ILLEGAL_ADDRESS"), said);
    }

    @Test
    void recordingsAreWaitedForWhenTheyAreReplayed() {
        CallCounts counts = new CallCounts(new EmulatedCuda());
        try (Backend backend = TestBackends.on(SynchronousCalls.of(counts.calls()), Long.MAX_VALUE);
                Matrix x = backend.allocate(2, 3, DType.F32)) {
            backend.fill(x, 1);
            int[] waits = new int[1];
            try (Recording recording = backend.record(() -> {
                        waits[0] = counts.of("synchronize");
                        backend.scale(2, x);
                        backend.scale(3, x);
                        assertEquals(waits[0], counts.of("synchronize"), "a recording can't be waited for");
                    })
                    .orElseThrow()) {
                int before = counts.of("synchronize");
                recording.replay(0);
                assertEquals(before + 1, counts.of("synchronize"));
            }
            assertEquals(6, backend.readFloats(x)[5]);
        }
    }
}
