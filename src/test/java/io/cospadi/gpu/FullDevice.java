package io.cospadi.gpu;

import io.cospadi.tensor.DeviceMemoryException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/** A device whose memory is full at certain calls, for tests of what is left then. */
public final class FullDevice {
    private FullDevice() {}

    /** The device's calls, of which so many allocate. */
    public static CudaCalls after(int allocations, CudaCalls device) {
        AtomicInteger left = new AtomicInteger(allocations);
        return refusing(
                call -> call.equals("allocate") && left.getAndDecrement() <= 0,
                "full after " + allocations + " allocations",
                device);
    }

    /** The device's calls, of which none allocates while launches are recorded. */
    public static CudaCalls whileRecording(CudaCalls device) {
        AtomicBoolean recording = new AtomicBoolean();
        return refusing(
                call -> {
                    if (call.endsWith("Capture")) {
                        recording.set(call.equals("beginCapture"));
                    }
                    return call.equals("allocate") && recording.get();
                },
                "full while launches are recorded",
                device);
    }

    private static CudaCalls refusing(Predicate<String> full, String message, CudaCalls device) {
        return (CudaCalls) Proxy.newProxyInstance(
                FullDevice.class.getClassLoader(), new Class<?>[] {CudaCalls.class}, (proxy, method, arguments) -> {
                    if (full.test(method.getName())) {
                        throw new DeviceMemoryException(message);
                    }
                    try {
                        return method.invoke(device, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }
}
