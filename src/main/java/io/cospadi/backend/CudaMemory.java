package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.DeviceMemory;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLong;

/** A GPU's memory as the verbs use it: blocks, and arrays between the Java heap and the device. */
final class CudaMemory implements AutoCloseable {
    /**
     * Bytes of scratch that a verb works in at a time: enough for work to run at its rate, and always the same, as the order of
     * sums follows from it.
     */
    static final long TILE_BYTES = 64L << 20;

    private final CudaCalls cuda;
    private DeviceMemory pool;
    private final AtomicLong allocated = new AtomicLong();
    private final AtomicLong scratch = new AtomicLong();

    CudaMemory(CudaCalls cuda, long limit) {
        this.cuda = cuda;
        this.pool = new DeviceMemory(cuda, limit);
    }

    /** A block to be filled from the host, that counts as allocated until it is closed. */
    CudaBlock toFill(long bytes) {
        return new CudaBlock(pool, pool.takeForCopy(bytes), bytes, allocated);
    }

    /** Likewise, to be filled on the device: it need not be free of queued work, and what a cache still holds is better. */
    CudaBlock undefined(long bytes) {
        return new CudaBlock(pool, pool.take(bytes), bytes, allocated);
    }

    /** Likewise, all zero. */
    CudaBlock zeroed(long bytes) {
        CudaBlock block = undefined(bytes);
        cuda.zero(block.address(), bytes);
        return block;
    }

    /** Likewise, with what another holds. */
    CudaBlock copy(CudaBlock from) {
        CudaBlock block = undefined(from.bytes());
        cuda.copy(block.address(), from.address(), from.bytes());
        return block;
    }

    /** Undefined bytes for the time of one verb. */
    CudaBlock scratch(long bytes) {
        return new CudaBlock(pool, pool.take(bytes), bytes, scratch);
    }

    /** Likewise, to be filled from the host: beside what is queued, the first time. */
    CudaBlock scratchToFill(long bytes) {
        return new CudaBlock(pool, pool.takeForCopy(bytes), bytes, scratch);
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
        private final DeviceMemory own = pool.ofRecording();

        private Detour() {
            pool = own;
        }

        void end() {
            pool = before;
        }

        @Override
        public void close() {
            assert own.usedBytes() == 0 : own.usedBytes() + " bytes of a recording were never given back";
            own.close();
        }
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
        cuda.toDevice(to, (long) Float.BYTES * values.length, (memory, offset) -> memory.asFloatBuffer()
                .put(values, (int) (offset / Float.BYTES), memory.limit() / Float.BYTES));
    }

    void write(long to, double[] values) {
        cuda.toDevice(to, (long) Double.BYTES * values.length, (memory, offset) -> memory.asDoubleBuffer()
                .put(values, (int) (offset / Double.BYTES), memory.limit() / Double.BYTES));
    }

    void write(long to, int[] values) {
        cuda.toDevice(to, (long) Integer.BYTES * values.length, from(values));
    }

    void write(long to, short[] values) {
        cuda.toDevice(to, (long) Short.BYTES * values.length, from(values));
    }

    private static CudaCalls.Piece from(int[] values) {
        return (memory, offset) ->
                memory.asIntBuffer().put(values, (int) (offset / Integer.BYTES), memory.limit() / Integer.BYTES);
    }

    private static CudaCalls.Piece from(short[] values) {
        return (memory, offset) ->
                memory.asShortBuffer().put(values, (int) (offset / Short.BYTES), memory.limit() / Short.BYTES);
    }

    /**
     * The buffer's remaining bytes, which may change as soon as this returns, into a part of a block; beside what is queued, as long
     * as the block is untouched.
     */
    void fill(CudaBlock to, long offset, ByteBuffer values) {
        to.fill(
                cuda,
                offset,
                values.remaining(),
                (memory, done) -> memory.put(values.slice(values.position() + (int) done, memory.limit())));
    }

    void fill(CudaBlock to, long offset, int[] values) {
        to.fill(cuda, offset, (long) Integer.BYTES * values.length, from(values));
    }

    void fill(CudaBlock to, long offset, short[] values) {
        to.fill(cuda, offset, (long) Short.BYTES * values.length, from(values));
    }

    /** All of an F32 matrix. */
    float[] floats(CudaMatrix matrix) {
        float[] values = new float[Math.toIntExact(matrix.elements())];
        read(matrix.address(), values);
        return values;
    }

    void read(long from, float[] values) {
        cuda.toHost(from, (long) Float.BYTES * values.length, (memory, offset) -> memory.asFloatBuffer()
                .get(values, (int) (offset / Float.BYTES), memory.limit() / Float.BYTES));
    }

    void read(long from, double[] values) {
        cuda.toHost(from, (long) Double.BYTES * values.length, (memory, offset) -> memory.asDoubleBuffer()
                .get(values, (int) (offset / Double.BYTES), memory.limit() / Double.BYTES));
    }

    void read(long from, int[] values) {
        cuda.toHost(from, (long) Integer.BYTES * values.length, (memory, offset) -> memory.asIntBuffer()
                .get(values, (int) (offset / Integer.BYTES), memory.limit() / Integer.BYTES));
    }

    @Override
    public void close() {
        assert pool.usedBytes() == 0 : pool.usedBytes() + " bytes of the device were never given back";
        pool.close();
    }
}
