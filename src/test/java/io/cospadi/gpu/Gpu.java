package io.cospadi.gpu;

import static org.junit.jupiter.api.Assumptions.abort;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/**
 * This machine's GPU for tests, which without one are skipped; where GPU_MACHINE is set, they fail. It is opened once a JVM, as
 * that takes longer than most tests, and closes only with it.
 */
public final class Gpu {
    private static CudaCalls opened;

    private Gpu() {}

    /** The first device; closing it does nothing. */
    public static synchronized CudaCalls open() {
        if (opened == null) {
            try {
                opened = CudaDevices.open(0);
            } catch (CudaUnavailableException e) {
                if (System.getenv("GPU_MACHINE") != null) {
                    throw e;
                }
                abort(e.getMessage());
            }
        }
        CudaCalls device = opened;
        return (CudaCalls) Proxy.newProxyInstance(
                Gpu.class.getClassLoader(), new Class<?>[] {CudaCalls.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("close")) {
                        device.synchronize();
                        return null;
                    }
                    try {
                        return method.invoke(device, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }
}
