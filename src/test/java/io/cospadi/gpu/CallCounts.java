package io.cospadi.gpu;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Counts the calls that reach a device, for tests of how work gets there. */
public final class CallCounts {
    private static final Set<String> QUEUEING = Set.of("launch", "copy", "zero", "gemm", "symmetricProduct");

    private final Map<String, Integer> counts = new HashMap<>();
    private final CudaCalls device;
    private final List<String> recorded = new ArrayList<>();
    private boolean recording;

    public CallCounts(CudaCalls device) {
        this.device = device;
    }

    /** The device's calls, counted. */
    public CudaCalls calls() {
        return (CudaCalls) Proxy.newProxyInstance(
                CudaCalls.class.getClassLoader(), new Class<?>[] {CudaCalls.class}, (proxy, method, arguments) -> {
                    counts.merge(method.getName(), 1, Integer::sum);
                    record(method.getName(), arguments);
                    try {
                        return method.invoke(device, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private void record(String call, Object[] arguments) {
        if (call.equals("beginCapture")) {
            recorded.clear();
            recording = true;
        } else if (call.equals("endCapture")) {
            recording = false;
        } else if (recording && QUEUEING.contains(call)) {
            recorded.add(call.equals("launch") ? (String) arguments[0] : call);
        }
    }

    /** What the last recording queued: kernels by name, other calls by theirs. */
    public List<String> recorded() {
        return List.copyOf(recorded);
    }

    /** Those of it that wait for the end of what was queued before, because they are no kernels that may begin early. */
    public List<String> recordedThatWait() {
        Map<String, String> files = KernelImages.fileOfKernel();
        return recorded.stream()
                .filter(call -> !KernelImages.EARLY.contains(files.getOrDefault(call, "")))
                .toList();
    }

    /** How often this one was called. */
    public int of(String call) {
        return counts.getOrDefault(call, 0);
    }
}
