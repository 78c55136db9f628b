package io.cospadi.gpu;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * A device of which every call is waited for, so that a failure shows at the call that it is of rather than at a later one: for those
 * who look for a fault, by {@code -Dcospadi.synchronous-calls=true}. What is recorded is waited for when it is replayed.
 */
final class SynchronousCalls {
    static final String PROPERTY = "cospadi.synchronous-calls";

    /** What queues nothing. */
    private static final Set<String> UNWAITED =
            Set.of("properties", "allocate", "free", "freeBytes", "reservedBytes", "mark", "synchronize", "close");

    private final CudaCalls device;
    private boolean recording;

    private SynchronousCalls(CudaCalls device) {
        this.device = device;
    }

    /** The device's calls. */
    static CudaCalls of(CudaCalls device) {
        SynchronousCalls calls = new SynchronousCalls(device);
        return (CudaCalls) Proxy.newProxyInstance(
                CudaCalls.class.getClassLoader(),
                new Class<?>[] {CudaCalls.class},
                (proxy, method, arguments) -> calls.call(method, arguments));
    }

    private Object call(Method method, Object[] arguments) throws Throwable {
        String name = method.getName();
        Object result;
        if (name.equals("endCapture")) {
            recording = false; // also where it fails
        }
        try {
            result = method.invoke(device, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
        if (name.equals("beginCapture")) {
            recording = true;
        }
        if (!recording && !UNWAITED.contains(name)) {
            await(name, arguments);
        }
        if (result instanceof CudaCalls.CsrProduct product) {
            return waitedFor(product);
        }
        return result instanceof CudaCalls.Graph graph ? waitedFor(graph) : result;
    }

    private void await(String name, Object... arguments) {
        try {
            device.synchronize();
        } catch (CudaException e) {
            throw e.of(describe(name, arguments));
        }
    }

    private CudaCalls.Graph waitedFor(CudaCalls.Graph graph) {
        return new CudaCalls.Graph() {
            @Override
            public void launch() {
                graph.launch();
                await("a recording's launch");
            }

            @Override
            public void close() {
                graph.close();
            }
        };
    }

    private CudaCalls.CsrProduct waitedFor(CudaCalls.CsrProduct product) {
        return new CudaCalls.CsrProduct() {
            @Override
            public long workspaceBytes() {
                return product.workspaceBytes();
            }

            @Override
            public void multiply(long workspace) {
                product.multiply(workspace);
                if (!recording) {
                    await("a product with a CSR matrix");
                }
            }

            @Override
            public void close() {
                product.close();
            }
        };
    }

    /** The call with its sizes; addresses, among them, are long. */
    private static String describe(String name, Object... arguments) {
        List<String> said = new ArrayList<>();
        for (Object argument : arguments == null ? new Object[0] : arguments) {
            if (argument instanceof Object[] values) {
                said.add(describe("values", values));
            } else if (argument instanceof Long address) {
                said.add("0x" + Long.toHexString(address));
            } else if (argument instanceof Number
                    || argument instanceof Boolean
                    || argument instanceof String
                    || argument instanceof Enum
                    || argument instanceof Record) {
                said.add(argument.toString());
            }
        }
        return name + "(" + String.join(", ", said) + ")";
    }
}
