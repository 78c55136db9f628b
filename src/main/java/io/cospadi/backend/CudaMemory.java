package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.DeviceMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicLong;

/** A GPU's memory as the verbs use it: blocks, and arrays between the Java heap and the device. */
final class CudaMemory implements AutoCloseable {
    /** Arrays cross in pieces of so many bytes. */
    private static final int PIECE_BYTES = 4 << 20;

    /**
     * Bytes of scratch that a verb works in at a time: enough for work to run at its rate, and always the same, as the order of
     * sums follows from it.
     */
    static final long TILE_BYTES = 64L << 20;

    private final CudaCalls cuda;
    private final long limit;
    private DeviceMemory pool;
    private int detours;
    private final AtomicLong allocated = new AtomicLong();
    private final AtomicLong scratch = new AtomicLong();
    private final ByteBuffer bridge = ByteBuffer.allocateDirect(PIECE_BYTES).order(ByteOrder.nativeOrder());

    CudaMemory(CudaCalls cuda, long limit) {
        this.cuda = cuda;
        this.limit = limit;
        this.pool = new DeviceMemory(cuda, limit);
    }

    /** A block that counts as allocated until it is closed. */
    CudaBlock undefined(long bytes) {
        return new CudaBlock(pool, bytes, allocated);
    }

    /** Likewise, all zero. */
    CudaBlock zeroed(long bytes) {
        CudaBlock block = undefined(bytes);
        cuda.zero(block.address(), bytes);
        return block;
    }

    /** Undefined bytes for the time of one verb. */
    CudaBlock scratch(long bytes) {
        return new CudaBlock(pool, bytes, scratch);
    }

    /** The numbers on the device, for the time of one verb. */
    CudaBlock scratch(int[] values) {
        CudaBlock block = scratch((long) Integer.BYTES * values.length);
        write(block.address(), values);
        return block;
    }

    /** The numbers on the device, for the time of one verb. */
    CudaBlock scratch(double[] values) {
        CudaBlock block = scratch((long) Double.BYTES * values.length);
        write(block.address(), values);
        return block;
    }

    /** Memory for what is taken until {@link #end}, from a pool of its own that stays as it is until it is closed. */
    final class Detour implements AutoCloseable {
        private final DeviceMemory before = pool;
        private final DeviceMemory own = new DeviceMemory(cuda, limit == Long.MAX_VALUE ? limit : pool.available());

        private Detour() {
            pool = own;
            detours++;
        }

        void end() {
            pool = before;
            detours--;
        }

        @Override
        public void close() {
            own.close();
        }
    }

    /** Whether one is under way. */
    boolean detoured() {
        return detours > 0;
    }

    /** Until {@link #giveBackKept} no block is used again: what runs side by side must not share scratch memory. */
    void keepFromNowOn() {
        pool.keep();
    }

    void giveBackKept() {
        pool.giveBackKept();
    }

    /** Begins one. */
    Detour detour() {
        return new Detour();
    }

    /** Bytes of blocks that count. */
    long allocatedBytes() {
        return allocated.get();
    }

    /** Bytes that can still be taken. */
    long availableBytes() {
        return pool.available();
    }

    void write(long to, float[] values) {
        int most = PIECE_BYTES / Float.BYTES;
        for (int done = 0; done < values.length; done += most) {
            int count = Math.min(most, values.length - done);
            bridge.clear().asFloatBuffer().put(values, done, count);
            cuda.toDevice(to + (long) Float.BYTES * done, bridge.limit(Float.BYTES * count));
        }
    }

    void write(long to, double[] values) {
        int most = PIECE_BYTES / Double.BYTES;
        for (int done = 0; done < values.length; done += most) {
            int count = Math.min(most, values.length - done);
            bridge.clear().asDoubleBuffer().put(values, done, count);
            cuda.toDevice(to + (long) Double.BYTES * done, bridge.limit(Double.BYTES * count));
        }
    }

    void write(long to, int[] values) {
        int most = PIECE_BYTES / Integer.BYTES;
        for (int done = 0; done < values.length; done += most) {
            int count = Math.min(most, values.length - done);
            bridge.clear().asIntBuffer().put(values, done, count);
            cuda.toDevice(to + (long) Integer.BYTES * done, bridge.limit(Integer.BYTES * count));
        }
    }

    void write(long to, short[] values) {
        int most = PIECE_BYTES / Short.BYTES;
        for (int done = 0; done < values.length; done += most) {
            int count = Math.min(most, values.length - done);
            bridge.clear().asShortBuffer().put(values, done, count);
            cuda.toDevice(to + (long) Short.BYTES * done, bridge.limit(Short.BYTES * count));
        }
    }

    void read(long from, float[] values) {
        int most = PIECE_BYTES / Float.BYTES;
        for (int done = 0; done < values.length; done += most) {
            int count = Math.min(most, values.length - done);
            cuda.toHost(bridge.clear().limit(Float.BYTES * count), from + (long) Float.BYTES * done);
            bridge.asFloatBuffer().get(values, done, count);
        }
    }

    void read(long from, double[] values) {
        int most = PIECE_BYTES / Double.BYTES;
        for (int done = 0; done < values.length; done += most) {
            int count = Math.min(most, values.length - done);
            cuda.toHost(bridge.clear().limit(Double.BYTES * count), from + (long) Double.BYTES * done);
            bridge.asDoubleBuffer().get(values, done, count);
        }
    }

    void read(long from, int[] values) {
        int most = PIECE_BYTES / Integer.BYTES;
        for (int done = 0; done < values.length; done += most) {
            int count = Math.min(most, values.length - done);
            cuda.toHost(bridge.clear().limit(Integer.BYTES * count), from + (long) Integer.BYTES * done);
            bridge.asIntBuffer().get(values, done, count);
        }
    }

    @Override
    public void close() {
        pool.close();
    }
}
