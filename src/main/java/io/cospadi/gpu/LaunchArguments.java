package io.cospadi.gpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import org.bytedeco.javacpp.BytePointer;

/** A launch's arguments in native memory as the driver wants them, an array of addresses of values; written anew for each launch. */
public final class LaunchArguments implements AutoCloseable {
    private static final int MOST = 32;
    private static final int MOST_BYTES = 512;

    /**
     * A struct that a kernel takes by value.
     *
     * @param members in their order, each on a boundary of its own size
     */
    public record Struct(Number... members) {}

    private final BytePointer memory = new BytePointer(MOST * Long.BYTES + MOST_BYTES);
    private final ByteBuffer bytes = memory.asByteBuffer().order(ByteOrder.nativeOrder());

    /** The address of the array; valid until the next call. */
    public long addressOf(Object... values) {
        if (values.length > MOST) {
            throw new IllegalArgumentException("a kernel takes at most " + MOST + " arguments, not " + values.length);
        }
        int end = MOST * Long.BYTES;
        for (int i = 0; i < values.length; i++) {
            // a struct begins where any member of it could
            int at = aligned(end, Long.BYTES);
            bytes.putLong(Long.BYTES * i, memory.address() + at);
            end = at;
            for (Number member :
                    values[i] instanceof Struct struct ? struct.members() : new Number[] {(Number) values[i]}) {
                end = put(end, member);
            }
        }
        return memory.address();
    }

    /** As JCuda takes it. */
    Pointer of(Object... values) {
        return new DeviceAddress(addressOf(values));
    }

    private static int aligned(int at, int size) {
        return (at + size - 1) / size * size;
    }

    private static int bytes(Number value) {
        return value instanceof Long || value instanceof Double ? Long.BYTES : Integer.BYTES;
    }

    /** Where the next value may begin. */
    private int put(int from, Number value) {
        int size = bytes(value);
        int at = aligned(from, size);
        if (value instanceof Long number) {
            bytes.putLong(at, number);
        } else if (value instanceof Integer number) {
            bytes.putInt(at, number);
        } else if (value instanceof Float number) {
            bytes.putFloat(at, number);
        } else if (value instanceof Double number) {
            bytes.putDouble(at, number);
        } else {
            throw new IllegalArgumentException("no kernel takes a " + value.getClass());
        }
        return at + size;
    }

    @Override
    public void close() {
        memory.close();
    }
}
