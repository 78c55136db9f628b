package io.cospadi.backend;

import io.cospadi.tensor.CospadiException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * One zeroed allocation outside the Java heap, its start on a 64-byte boundary. It is not limited by -Xmx, nor to 2^31
 * bytes: Java reaches it through direct buffers of 1 GiB each, OpenBLAS through its address.
 *
 * <p>Bulk copies between these buffers and arrays are the only way in which Java code touches the memory, so that loops run
 * over arrays, which the compiler vectorises.
 */
final class NativeBlock extends SharedBlock {
    private static final int ALIGNMENT = 64;
    private static final int SEGMENT_SHIFT = 30;

    private final Pointer allocation;
    private final long address;
    private final long bytes;
    private final AtomicLong account;
    private final ByteBuffer[] segments;
    private FloatBuffer[] floats;
    private IntBuffer[] ints;
    private DoubleBuffer[] doubles;

    /**
     * @param bytes   size, 0 or more
     * @param account grows by {@code bytes} now, shrinks on close
     * @throws CospadiException if the machine has not that much memory
     */
    NativeBlock(long bytes, AtomicLong account) {
        this.bytes = bytes;
        this.account = account;
        this.allocation = Pointer.calloc(1, Math.addExact(bytes, ALIGNMENT));
        if (allocation == null || allocation.isNull()) {
            throw new CospadiException("no memory for a matrix of " + bytes + " bytes (" + account.get()
                    + " bytes of matrices are allocated); use a machine with more memory or smaller windows");
        }
        this.address = (allocation.address() + ALIGNMENT - 1) & -ALIGNMENT;
        this.segments = segments(address, bytes);
        account.addAndGet(bytes);
    }

    private static ByteBuffer[] segments(long address, long bytes) {
        int count = Math.toIntExact((bytes + (1L << SEGMENT_SHIFT) - 1) >>> SEGMENT_SHIFT);
        ByteBuffer[] segments = new ByteBuffer[count];
        for (int i = 0; i < count; i++) {
            long start = (long) i << SEGMENT_SHIFT;
            Pointer memory = OpenBlas.memory(address + start, Math.min(1L << SEGMENT_SHIFT, bytes - start));
            segments[i] = new BytePointer(memory).asByteBuffer().order(ByteOrder.nativeOrder());
        }
        return segments;
    }

    long address() {
        return address;
    }

    long bytes() {
        return bytes;
    }

    @Override
    void free() {
        Pointer.free(allocation);
        account.addAndGet(-bytes);
    }

    /** Prepares the views that a matrix of f32 needs; before any worker sees the block. */
    NativeBlock ofFloats() {
        floats = new FloatBuffer[segments.length];
        ints = new IntBuffer[segments.length];
        for (int i = 0; i < segments.length; i++) {
            floats[i] = segments[i].asFloatBuffer();
            ints[i] = segments[i].asIntBuffer();
        }
        return this;
    }

    /** Prepares the views that a matrix of f64 needs. */
    NativeBlock ofDoubles() {
        doubles = new DoubleBuffer[segments.length];
        for (int i = 0; i < segments.length; i++) {
            doubles[i] = segments[i].asDoubleBuffer();
        }
        return this;
    }

    float getFloat(long element) {
        return floats[(int) (element >>> SEGMENT_SHIFT - 2)].get((int) (element & (1 << SEGMENT_SHIFT - 2) - 1));
    }

    void setFloat(long element, float value) {
        floats[(int) (element >>> SEGMENT_SHIFT - 2)].put((int) (element & (1 << SEGMENT_SHIFT - 2) - 1), value);
    }

    double getDouble(long element) {
        return doubles[(int) (element >>> SEGMENT_SHIFT - 3)].get((int) (element & (1 << SEGMENT_SHIFT - 3) - 1));
    }

    void setDouble(long element, double value) {
        doubles[(int) (element >>> SEGMENT_SHIFT - 3)].put((int) (element & (1 << SEGMENT_SHIFT - 3) - 1), value);
    }

    void get(long element, float[] to, int offset, int count) {
        for (int done = 0; done < count; ) {
            int at = (int) (element + done & (1 << SEGMENT_SHIFT - 2) - 1);
            int run = Math.min(count - done, (1 << SEGMENT_SHIFT - 2) - at);
            floats[(int) (element + done >>> SEGMENT_SHIFT - 2)].get(at, to, offset + done, run);
            done += run;
        }
    }

    void put(long element, float[] from, int offset, int count) {
        for (int done = 0; done < count; ) {
            int at = (int) (element + done & (1 << SEGMENT_SHIFT - 2) - 1);
            int run = Math.min(count - done, (1 << SEGMENT_SHIFT - 2) - at);
            floats[(int) (element + done >>> SEGMENT_SHIFT - 2)].put(at, from, offset + done, run);
            done += run;
        }
    }

    /** The bit patterns of f32 elements. */
    void get(long element, int[] to, int offset, int count) {
        for (int done = 0; done < count; ) {
            int at = (int) (element + done & (1 << SEGMENT_SHIFT - 2) - 1);
            int run = Math.min(count - done, (1 << SEGMENT_SHIFT - 2) - at);
            ints[(int) (element + done >>> SEGMENT_SHIFT - 2)].get(at, to, offset + done, run);
            done += run;
        }
    }

    void put(long element, int[] from, int offset, int count) {
        for (int done = 0; done < count; ) {
            int at = (int) (element + done & (1 << SEGMENT_SHIFT - 2) - 1);
            int run = Math.min(count - done, (1 << SEGMENT_SHIFT - 2) - at);
            ints[(int) (element + done >>> SEGMENT_SHIFT - 2)].put(at, from, offset + done, run);
            done += run;
        }
    }

    void get(long element, double[] to, int offset, int count) {
        for (int done = 0; done < count; ) {
            int at = (int) (element + done & (1 << SEGMENT_SHIFT - 3) - 1);
            int run = Math.min(count - done, (1 << SEGMENT_SHIFT - 3) - at);
            doubles[(int) (element + done >>> SEGMENT_SHIFT - 3)].get(at, to, offset + done, run);
            done += run;
        }
    }

    void put(long element, double[] from, int offset, int count) {
        for (int done = 0; done < count; ) {
            int at = (int) (element + done & (1 << SEGMENT_SHIFT - 3) - 1);
            int run = Math.min(count - done, (1 << SEGMENT_SHIFT - 3) - at);
            doubles[(int) (element + done >>> SEGMENT_SHIFT - 3)].put(at, from, offset + done, run);
            done += run;
        }
    }
}
