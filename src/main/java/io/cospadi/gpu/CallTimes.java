package io.cospadi.gpu;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * How long a device is at work for each kind of call, by events on its stream around every one: for those who look for what to
 * make faster. Time in which the device waits for the host is nobody's.
 */
public final class CallTimes {
    private static final int PENDING = 2000;

    /** What queues work that takes time; a launch counts under its kernel's name. */
    private static final Set<String> TIMED = Set.of(
            "launch",
            "copy",
            "zero",
            "toDevice",
            "toHost",
            "fetch",
            "gemm",
            "symmetricProduct",
            "solveFromTheRight",
            "cholesky",
            "eigenSymmetric");

    private final CudaCalls device;
    private final List<Pending> pending = new ArrayList<>();
    private final Map<String, Total> totals = new HashMap<>();

    private boolean watching;
    private boolean recording;

    private record Pending(String name, CudaCalls.Mark begin, CudaCalls.Mark end) {}

    /** Milliseconds and number of all calls of one kind. */
    public static final class Total {
        private double milliseconds;
        private long calls;

        public double milliseconds() {
            return milliseconds;
        }

        public long calls() {
            return calls;
        }
    }

    public CallTimes(CudaCalls device) {
        this.device = device;
    }

    /** From now on calls are timed. */
    public void watch() {
        settle();
        totals.clear();
        watching = true;
    }

    /** From now on calls are not timed; what was is kept. */
    public void pause() {
        watching = false;
    }

    /** From now on calls are timed again. */
    public void resume() {
        watching = true;
    }

    /** The device's calls, which are timed once that is asked for. Work that is recorded for a graph is not. */
    public CudaCalls calls() {
        return (CudaCalls) Proxy.newProxyInstance(
                CudaCalls.class.getClassLoader(), new Class<?>[] {CudaCalls.class}, (proxy, method, arguments) -> {
                    String name = method.getName();
                    try {
                        if (!watching || recording || !TIMED.contains(name)) {
                            recording = name.equals("beginCapture") || recording && !name.equals("endCapture");
                            return method.invoke(device, arguments);
                        }
                        CudaCalls.Mark begin = device.mark();
                        Object result = method.invoke(device, arguments);
                        String kind = name.equals("launch")
                                ? (String) arguments[0]
                                : arguments[0] instanceof Arithmetic arithmetic ? name + " " + arithmetic : name;
                        add(new Pending(kind, begin, device.mark()));
                        return result;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private void add(Pending call) {
        pending.add(call);
        if (pending.size() >= PENDING) {
            settle();
        }
    }

    private void settle() {
        for (Pending call : pending) {
            Total total = totals.computeIfAbsent(call.name(), name -> new Total());
            total.milliseconds += call.end().millisecondsSince(call.begin());
            total.calls++;
            call.begin().close();
            call.end().close();
        }
        pending.clear();
    }

    /** By kind of call: the kernel's name, or what was asked of a library. */
    public Map<String, Total> totals() {
        settle();
        return Map.copyOf(totals);
    }
}
