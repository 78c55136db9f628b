package io.cospadi.gpu;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;

/**
 * A device that does what is queued as late as it may, and copies beside the queue as early as they may: so a copy that doesn't wait
 * for all who use its bytes spoils their results.
 */
public final class LateQueue {
    private static final Set<String> QUEUED = Set.of(
            "launch", "copy", "zero", "gemm", "symmetricProduct", "solveFromTheRight", "cholesky", "eigenSymmetric");
    private static final Set<String> ASKS_NOTHING_OF_THE_QUEUE = Set.of(
            "properties",
            "allocate",
            "freeBytes",
            "choleskyWorkspace",
            "eigenWorkspace",
            "toString",
            "hashCode",
            "equals");

    private final CudaCalls device;
    private final boolean obeysMarks;
    private final Deque<Call> queue = new ArrayDeque<>();
    private long queued;
    private long done;
    private int products;
    private long bytesBeside;
    private long bytesBesideProducts;

    private record Call(boolean product, Runnable body) {}

    private final class Place implements CudaCalls.Mark {
        private final long behind = queued;
        private final long nanos = System.nanoTime();

        /** Between the calls, whenever their work is done. */
        @Override
        public double millisecondsSince(CudaCalls.Mark earlier) {
            return (nanos - ((Place) earlier).nanos) * 1e-6;
        }

        @Override
        public boolean passed() {
            return done >= behind;
        }

        @Override
        public void close() {}
    }

    public LateQueue(CudaCalls device) {
        this(device, true);
    }

    /** @param obeysMarks false: copies wait for nothing, to see that a test notices */
    public LateQueue(CudaCalls device, boolean obeysMarks) {
        this.device = device;
        this.obeysMarks = obeysMarks;
    }

    /** Bytes copied beside the queue. */
    public long bytesBeside() {
        return bytesBeside;
    }

    /** Those of them that were copied while products waited in it. */
    public long bytesBesideProducts() {
        return bytesBesideProducts;
    }

    /** The device's calls. */
    public CudaCalls calls() {
        return (CudaCalls) Proxy.newProxyInstance(
                CudaCalls.class.getClassLoader(), new Class<?>[] {CudaCalls.class}, (proxy, method, arguments) -> {
                    String name = method.getName();
                    if (QUEUED.contains(name)) {
                        queue(name.equals("gemm"), () -> invoke(method, arguments));
                        return null;
                    }
                    if (name.equals("mark")) {
                        return new Place();
                    }
                    if (name.equals("fetch")) {
                        return fetch((long) arguments[0]);
                    }
                    if (name.equals("toDevice")) {
                        queueCopy((long) arguments[0], (long) arguments[1], (CudaCalls.Piece) arguments[2]);
                        return null;
                    }
                    if (name.equals("toDeviceBeside")) {
                        Place lastUse = (Place) arguments[0];
                        runUntil(lastUse == null || !obeysMarks ? done : lastUse.behind);
                        bytesBeside += (long) arguments[2];
                        bytesBesideProducts += products == 0 ? 0 : (long) arguments[2];
                        device.toDevice((long) arguments[1], (long) arguments[2], (CudaCalls.Piece) arguments[3]);
                        return null;
                    }
                    if (!ASKS_NOTHING_OF_THE_QUEUE.contains(name)) {
                        runUntil(queued);
                    }
                    Object result = invoke(method, arguments);
                    return name.equals("endCapture") ? late((CudaCalls.Graph) result) : result;
                });
    }

    private CudaCalls.Graph late(CudaCalls.Graph graph) {
        return new CudaCalls.Graph() {
            @Override
            public void launch() {
                queue(true, graph::launch);
            }

            @Override
            public void close() {
                runUntil(queued);
                graph.close();
            }
        };
    }

    private Object invoke(Method method, Object[] arguments) {
        try {
            return method.invoke(device, arguments);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            throw (Error) e.getCause();
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A number as it is in its turn, which comes when somebody asks for it. */
    private CudaCalls.Fetched fetch(long from) {
        CudaCalls.Fetched[] fetched = new CudaCalls.Fetched[1];
        queue(false, () -> fetched[0] = device.fetch(from));
        long place = queued;
        return new CudaCalls.Fetched() {
            @Override
            public boolean arrived() {
                return done >= place && fetched[0].arrived();
            }

            @Override
            public double value() {
                runUntil(place);
                return fetched[0].value();
            }
        };
    }

    /** The host's bytes are read now, and copied when their turn comes. */
    private void queueCopy(long to, long bytes, CudaCalls.Piece fill) {
        ByteBuffer content = ByteBuffer.allocate(Math.toIntExact(bytes)).order(ByteOrder.nativeOrder());
        fill.pass(content, 0);
        queue(
                false,
                () -> device.toDevice(
                        to, bytes, (memory, offset) -> memory.put(content.array(), (int) offset, memory.limit())));
    }

    private void queue(boolean product, Runnable body) {
        queue.add(new Call(product, body));
        products += product ? 1 : 0;
        queued++;
    }

    private void runUntil(long place) {
        for (; done < place; done++) {
            Call call = queue.remove();
            products -= call.product() ? 1 : 0;
            call.body().run();
        }
    }
}
