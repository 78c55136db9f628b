package io.cospadi.gpu;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.HashMap;
import java.util.Map;

/** Counts the calls that reach a device, for tests of how work gets there. */
public final class CallCounts {
    private final Map<String, Integer> counts = new HashMap<>();
    private final CudaCalls device;

    public CallCounts(CudaCalls device) {
        this.device = device;
    }

    /** The device's calls, counted. */
    public CudaCalls calls() {
        return (CudaCalls) Proxy.newProxyInstance(
                CudaCalls.class.getClassLoader(), new Class<?>[] {CudaCalls.class}, (proxy, method, arguments) -> {
                    counts.merge(method.getName(), 1, Integer::sum);
                    try {
                        return method.invoke(device, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    /** How often this one was called. */
    public int of(String call) {
        return counts.getOrDefault(call, 0);
    }
}
