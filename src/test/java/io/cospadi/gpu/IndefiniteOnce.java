package io.cospadi.gpu;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicInteger;

/** An emulated device on which one matrix that is to be factored turns out to be indefinite, as rounding may leave it. */
public final class IndefiniteOnce {
    private final AtomicInteger left;
    private final AtomicInteger met = new AtomicInteger();

    /** @param factorizations that succeed before the one that fails */
    public IndefiniteOnce(int factorizations) {
        left = new AtomicInteger(factorizations);
    }

    /** How many factorizations there were. */
    public int factorizations() {
        return met.get();
    }

    /** The device's calls; a lower triangle has the last element of its diagonal turned to the negative. */
    public CudaCalls calls() {
        EmulatedCuda device = new EmulatedCuda();
        return (CudaCalls) Proxy.newProxyInstance(
                IndefiniteOnce.class.getClassLoader(), new Class<?>[] {CudaCalls.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("cholesky")) {
                        met.incrementAndGet();
                        if (left.getAndDecrement() == 0) {
                            spoil((Arithmetic) arguments[0], (int) arguments[1], (long) arguments[2], (int)
                                    arguments[3]);
                        }
                    }
                    try {
                        return method.invoke(device, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private static void spoil(Arithmetic arithmetic, int n, long matrix, int lda) {
        long last = (n - 1L) * (lda + 1L);
        if (arithmetic == Arithmetic.F64) {
            EmulatedCuda.doubles(matrix).put(last, -1);
        } else {
            EmulatedCuda.floats(matrix).put(last, -1);
        }
    }
}
