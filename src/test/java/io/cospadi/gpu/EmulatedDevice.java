package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ShortBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;

/**
 * A device whose memory is the host's and whose kernels run in the emulation. Each array has guard bytes before and behind it,
 * compared after every launch; under the address sanitizer it has none, so that reads beyond it show as well.
 */
final class EmulatedDevice implements Launcher, AutoCloseable {
    private static final int GUARD = Simt.SANITIZED ? 0 : 64;
    private static final byte GUARD_BYTE = (byte) 0xA5;
    /** NaN in every type of floating point: what is used before it is written shows. */
    private static final int UNDEFINED = 0xFF;

    private static final ByteBuffer SOUND = sound();
    private static final Map<String, String> FILE_OF_KERNEL = KernelImages.fileOfKernel();
    private static final Map<String, Integer> STATIC_SHARED_BYTES = staticSharedBytes();

    private final Map<Long, Array> arrays = new LinkedHashMap<>();
    private final LaunchArguments launchArguments = new LaunchArguments();
    private final int mostShared;
    private int order;

    private static ByteBuffer sound() {
        byte[] bytes = new byte[GUARD];
        Arrays.fill(bytes, GUARD_BYTE);
        return ByteBuffer.wrap(bytes);
    }

    /** What each kernel's PTX declares beside what a launch asks for. */
    private static Map<String, Integer> staticSharedBytes() {
        Pattern entryOrArray =
                Pattern.compile("\\.visible \\.entry (\\w+)\\(|\\.shared \\.align \\d+ \\.b8 \\w+\\[(\\d+)\\]");
        Map<String, Integer> bytes = new HashMap<>();
        for (String file : KernelImages.FILES) {
            String kernel = null;
            for (Matcher found = entryOrArray.matcher(KernelImages.ptx(file)); found.find(); ) {
                if (found.group(1) != null) {
                    kernel = found.group(1);
                } else {
                    bytes.merge(kernel, Integer.parseInt(found.group(2)), Integer::sum);
                }
            }
        }
        return bytes;
    }

    EmulatedDevice() {
        this(LaunchGeometry.MOST_SHARED_BYTES);
    }

    /** @param mostShared bytes of shared memory that a block has, static and dynamic; a launch that needs more fails */
    EmulatedDevice(int mostShared) {
        this.mostShared = mostShared;
        Simt.load();
    }

    /** Memory of the device. */
    final class Array {
        private final BytePointer memory;
        private final long bytes;
        private final ByteBuffer before;
        private final ByteBuffer behind;

        /** Whether a launch that begins early may have none of it before it has waited for the one before. */
        private boolean hidden = true;

        private Array(long bytes) {
            this.bytes = bytes;
            // not by BytePointer's own constructor, which counts against the heap's limit
            long all = Math.max(1, bytes + 2 * GUARD);
            memory = new BytePointer(Pointer.malloc(all)).capacity(all);
            memory.fill(GUARD_BYTE);
            Pointer.memset(memory.getPointer(GUARD), UNDEFINED, bytes);
            before = guard(0);
            behind = guard(GUARD + bytes);
            arrays.put(address(), this);
        }

        /** No launch of a recording writes it: one that begins early may read it at once. */
        Array weights() {
            hidden = false;
            return this;
        }

        private ByteBuffer guard(long at) {
            return GUARD == 0 ? SOUND : memory.getPointer(at).capacity(GUARD).asByteBuffer();
        }

        long address() {
            return memory.address() + GUARD;
        }

        private ByteBuffer content() {
            ByteBuffer all = memory.asByteBuffer();
            return all.slice(GUARD, Math.toIntExact(bytes)).order(ByteOrder.nativeOrder());
        }

        float[] floats() {
            float[] values = new float[Math.toIntExact(bytes / Float.BYTES)];
            content().asFloatBuffer().get(values);
            return values;
        }

        int[] ints() {
            int[] values = new int[Math.toIntExact(bytes / Integer.BYTES)];
            content().asIntBuffer().get(values);
            return values;
        }

        /** Values of BF16, widened. */
        float[] brainFloats() {
            float[] values = new float[Math.toIntExact(bytes / Short.BYTES)];
            ShortBuffer stored = content().asShortBuffer();
            for (int i = 0; i < values.length; i++) {
                values[i] = Bfloat16.toFloat(stored.get(i));
            }
            return values;
        }

        double[] doubles() {
            double[] values = new double[Math.toIntExact(bytes / Double.BYTES)];
            content().asDoubleBuffer().get(values);
            return values;
        }

        long[] longs() {
            long[] values = new long[Math.toIntExact(bytes / Long.BYTES)];
            content().asLongBuffer().get(values);
            return values;
        }

        /** Values of F32 or F64. */
        double[] values(DType type) {
            return type == DType.F64 ? doubles() : AbstractKernelTest.widened(floats());
        }

        private void requireGuards(String kernel) {
            assertTrue(before.equals(SOUND), () -> kernel + " wrote before an array of " + bytes + " bytes");
            assertTrue(behind.equals(SOUND), () -> kernel + " wrote behind an array of " + bytes + " bytes");
        }
    }

    /** Room for floats, all NaN. */
    Array room(int floats) {
        return new Array(Float.BYTES * floats);
    }

    /** Room for numbers of 16 bits, likewise. */
    Array narrowRoom(int shorts) {
        return new Array(Short.BYTES * shorts);
    }

    /** Undefined bytes, by address; never hidden. */
    long allocate(long bytes) {
        return new Array(bytes).weights().address();
    }

    void free(long address) {
        Array array = arrays.remove(address);
        assertNotNull(array, "freed what was not allocated");
        array.requireGuards("whatever came before");
        Pointer.free(array.memory);
    }

    Array array(float... values) {
        Array array = new Array(Float.BYTES * values.length);
        array.content().asFloatBuffer().put(values);
        return array;
    }

    /** Room for doubles or longs, likewise. */
    Array wideRoom(int doubles) {
        return new Array(Double.BYTES * doubles);
    }

    Array array(double... values) {
        Array array = new Array(Double.BYTES * values.length);
        array.content().asDoubleBuffer().put(values);
        return array;
    }

    Array array(int... values) {
        Array array = new Array(Integer.BYTES * values.length);
        array.content().asIntBuffer().put(values);
        return array;
    }

    Array array(long... values) {
        Array array = new Array((long) Long.BYTES * values.length);
        array.content().asLongBuffer().put(values);
        return array;
    }

    Array array(short... values) {
        Array array = new Array(Short.BYTES * values.length);
        array.content().asShortBuffer().put(values);
        return array;
    }

    /** The values as F32 (rounded) or F64. */
    Array array(DType type, double... values) {
        return type == DType.F64 ? array(values) : array(AbstractKernelTest.narrowed(values));
    }

    @Override
    public void launch(String kernel, LaunchGeometry geometry, Object... arguments) {
        int shared = geometry.sharedBytes() + STATIC_SHARED_BYTES.getOrDefault(kernel, 0);
        assertTrue(
                shared <= mostShared,
                () -> kernel + " needs " + shared + " bytes of shared memory, and a block has " + mostShared);
        assertTrue(tryLaunch(kernel, geometry, arguments), () -> kernel + ": " + failure());
        arrays.values().forEach(array -> array.requireGuards(kernel));
    }

    /** Whether the launch ended without a failure of the emulation. Every launch runs its threads in another order. */
    boolean tryLaunch(String kernel, LaunchGeometry geometry, Object... arguments) {
        List<Array> hidden = early(kernel)
                ? arrays.values().stream().filter(array -> array.hidden).toList()
                : List.of();
        try (BytePointer name = new BytePointer(kernel);
                LongPointer ranges = new LongPointer(Math.max(1, 2 * hidden.size()))) {
            for (int i = 0; i < hidden.size(); i++) {
                ranges.put(2 * i, hidden.get(i).address()).put(2 * i + 1, hidden.get(i).bytes);
            }
            Simt.hide(ranges.address(), hidden.size());
            long entry = Simt.find(name.address());
            assertTrue(entry != 0, () -> "no kernel " + kernel);
            return Simt.launch(
                    entry,
                    geometry.gridX(),
                    geometry.gridY(),
                    geometry.gridZ(),
                    geometry.blockX(),
                    geometry.blockY(),
                    1,
                    geometry.sharedBytes(),
                    launchArguments.addressOf(arguments),
                    order++);
        }
    }

    private static boolean early(String kernel) {
        return KernelImages.EARLY.contains(FILE_OF_KERNEL.getOrDefault(kernel, "")) || kernel.startsWith("early_");
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
        arrays.values().forEach(array -> Pointer.free(array.memory));
        arrays.clear();
        launchArguments.close();
    }
}
