package io.cospadi.gpu;

import io.cospadi.tensor.DeviceMemoryException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicInteger;

/** A device whose memory is full from one allocation on, for tests of what is left then. */
public final class FullDevice {
    private FullDevice() {}

    /** The device's calls, of which so many allocate. */
    public static CudaCalls after(int allocations, CudaCalls device) {
        AtomicInteger left = new AtomicInteger(allocations);
        return (CudaCalls) Proxy.newProxyInstance(
                FullDevice.class.getClassLoader(), new Class<?>[] {CudaCalls.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("allocate") && left.getAndDecrement() <= 0) {
                        throw new DeviceMemoryException("full after " + allocations + " allocations");
                    }
                    try {
                        return method.invoke(device, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }
}
