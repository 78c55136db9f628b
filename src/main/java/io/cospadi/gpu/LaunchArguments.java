package io.cospadi.gpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import org.bytedeco.javacpp.BytePointer;

/** A launch's arguments in native memory as the driver wants them, an array of addresses of values; written anew for each launch. */
public final class LaunchArguments implements AutoCloseable {
    private static final int MOST = 32;

    private final BytePointer memory = new BytePointer(2L * MOST * Long.BYTES);
    private final ByteBuffer slots = memory.asByteBuffer().order(ByteOrder.nativeOrder());

    public LaunchArguments() {
        for (int i = 0; i < MOST; i++) {
            slots.putLong(Long.BYTES * i, memory.address() + (long) Long.BYTES * (MOST + i));
        }
    }

    /** The address of the array; valid until the next call. */
    public long addressOf(Number... values) {
        if (values.length > MOST) {
            throw new IllegalArgumentException("a kernel takes at most " + MOST + " arguments, not " + values.length);
        }
        for (int i = 0; i < values.length; i++) {
            put(Long.BYTES * (MOST + i), values[i]);
        }
        return memory.address();
    }

    /** As JCuda takes it. */
    Pointer of(Number... values) {
        return new DeviceAddress(addressOf(values));
    }

    private void put(int at, Number value) {
        if (value instanceof Long number) {
            slots.putLong(at, number);
        } else if (value instanceof Integer number) {
            slots.putInt(at, number);
        } else if (value instanceof Float number) {
            slots.putFloat(at, number);
        } else if (value instanceof Double number) {
            slots.putDouble(at, number);
        } else {
            throw new IllegalArgumentException("no kernel takes a " + value.getClass());
        }
    }

    @Override
    public void close() {
        memory.close();
    }
}
