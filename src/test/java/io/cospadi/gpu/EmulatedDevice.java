package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;

/**
 * A device whose memory is the host's and whose kernels run in the emulation. Each array has guard bytes before and behind it,
 * compared after every launch; under the address sanitizer it has none, so that reads beyond it show as well.
 */
final class EmulatedDevice implements Launcher, AutoCloseable {
    private static final int GUARD = Simt.SANITIZED ? 0 : 64;
    private static final byte GUARD_BYTE = (byte) 0xA5;

    private final List<Array> arrays = new ArrayList<>();
    private int order;

    EmulatedDevice() {
        Simt.load();
    }

    /** Memory of the device. */
    final class Array {
        private final BytePointer memory;
        private final int bytes;

        private Array(int bytes) {
            this.bytes = bytes;
            memory = new BytePointer(Math.max(1, (long) bytes + 2 * GUARD));
            memory.fill(GUARD_BYTE);
            arrays.add(this);
        }

        long address() {
            return memory.address() + GUARD;
        }

        private ByteBuffer content() {
            ByteBuffer all = memory.asByteBuffer();
            return all.slice(GUARD, bytes).order(ByteOrder.nativeOrder());
        }

        float[] floats() {
            float[] values = new float[bytes / Float.BYTES];
            content().asFloatBuffer().get(values);
            return values;
        }

        int[] ints() {
            int[] values = new int[bytes / Integer.BYTES];
            content().asIntBuffer().get(values);
            return values;
        }

        private void requireGuards(String kernel) {
            for (int i = 0; i < GUARD; i++) {
                assertEquals(GUARD_BYTE, memory.get(i), kernel + " wrote before an array of " + bytes + " bytes");
                assertEquals(
                        GUARD_BYTE,
                        memory.get((long) GUARD + bytes + i),
                        kernel + " wrote behind an array of " + bytes + " bytes");
            }
        }
    }

    /** Room for floats, filled with a pattern that no test expects. */
    Array room(int floats) {
        return new Array(Float.BYTES * floats);
    }

    Array array(float... values) {
        Array array = new Array(Float.BYTES * values.length);
        array.content().asFloatBuffer().put(values);
        return array;
    }

    Array array(int... values) {
        Array array = new Array(Integer.BYTES * values.length);
        array.content().asIntBuffer().put(values);
        return array;
    }

    Array array(short... values) {
        Array array = new Array(Short.BYTES * values.length);
        array.content().asShortBuffer().put(values);
        return array;
    }

    @Override
    public void launch(String kernel, LaunchGeometry geometry, Number... arguments) {
        assertTrue(tryLaunch(kernel, geometry, arguments), () -> kernel + ": " + failure());
        arrays.forEach(array -> array.requireGuards(kernel));
    }

    /** Whether the launch ended without a failure of the emulation. Every launch runs its threads in another order. */
    boolean tryLaunch(String kernel, LaunchGeometry geometry, Number... arguments) {
        try (BytePointer name = new BytePointer(kernel);
                BytePointer memory = new BytePointer(Math.max(1, 16L * arguments.length))) {
            long entry = Simt.find(name.address());
            assertTrue(entry != 0, () -> "no kernel " + kernel);
            ByteBuffer slots = memory.asByteBuffer().order(ByteOrder.nativeOrder());
            int values = 8 * arguments.length;
            for (int i = 0; i < arguments.length; i++) {
                slots.putLong(8 * i, memory.address() + values + 8L * i);
                put(slots, values + 8 * i, arguments[i]);
            }
            return Simt.launch(
                    entry,
                    geometry.gridX(),
                    geometry.gridY(),
                    1,
                    geometry.blockX(),
                    geometry.blockY(),
                    1,
                    geometry.sharedBytes(),
                    memory.address(),
                    order++);
        }
    }

    private static void put(ByteBuffer to, int at, Number argument) {
        if (argument instanceof Long value) {
            to.putLong(at, value);
        } else if (argument instanceof Integer value) {
            to.putInt(at, value);
        } else if (argument instanceof Float value) {
            to.putFloat(at, value);
        } else if (argument instanceof Double value) {
            to.putDouble(at, value);
        } else {
            throw new IllegalArgumentException("no kernel takes a " + argument.getClass());
        }
    }

    /** What was wrong with the last launch. */
    String failure() {
        try (BytePointer text = new BytePointer(512)) {
            Simt.failure(text.address(), 512);
            return text.getString();
        }
    }

    @Override
    public void close() {
        arrays.forEach(array -> array.memory.close());
        arrays.clear();
    }
}
