package io.cospadi.gpu;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/** A device that says of itself what another one would: what the program chooses by that, this one computes. */
final class Disguise {
    private Disguise() {}

    /** The device's calls but for its properties. */
    static CudaCalls of(CudaCalls device, DeviceProperties says) {
        return (CudaCalls) Proxy.newProxyInstance(
                Disguise.class.getClassLoader(), new Class<?>[] {CudaCalls.class}, (proxy, method, arguments) -> {
                    try {
                        return method.getName().equals("properties") ? says : method.invoke(device, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }
}
