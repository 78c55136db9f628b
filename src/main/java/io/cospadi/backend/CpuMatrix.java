package io.cospadi.backend;

import io.cospadi.tensor.DType;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/**
 * A matrix in native memory, so that OpenBLAS reads it in place. Java reaches rows through direct buffers made for one
 * block of rows at a time; elementwise loops work on float[] tiles copied in bulk, which C2 turns into vector code.
 */
final class CpuMatrix implements Matrix {
    private final int rows;
    private final int cols;
    private final DType dtype;
    private final CpuMatrix owner;
    private final AtomicLong allocated;
    private Pointer memory;
    private final long offsetBytes;

    /** Zero-filled memory; {@code allocated} counts its bytes until it is closed. */
    CpuMatrix(int rows, int cols, DType dtype, AtomicLong allocated) {
        if (rows < 0 || cols < 0 || (dtype != DType.F32 && dtype != DType.F64)) {
            throw new IllegalArgumentException("no such matrix: (" + rows + ", " + cols + ") " + dtype);
        }
        this.rows = rows;
        this.cols = cols;
        this.dtype = dtype;
        this.owner = this;
        this.allocated = allocated;
        this.offsetBytes = 0;
        // calloc, so that untouched pages of a large matrix cost nothing; never 0 bytes, whose address may be null
        memory = Pointer.calloc(Math.max(1, bytes()), 1);
        if (memory == null || memory.isNull()) {
            throw new OutOfMemoryError("no native memory for a matrix of " + shape() + ", " + bytes() + " bytes");
        }
        allocated.addAndGet(bytes());
    }

    private CpuMatrix(CpuMatrix owner, int rows, long offsetBytes) {
        this.rows = rows;
        this.cols = owner.cols;
        this.dtype = owner.dtype;
        this.owner = owner;
        this.allocated = owner.allocated;
        this.offsetBytes = offsetBytes;
    }

    static CpuMatrix of(Matrix matrix) {
        if (!(matrix instanceof CpuMatrix cpu)) {
            throw new IllegalArgumentException("a matrix of another backend: " + matrix.getClass());
        }
        cpu.address();
        return cpu;
    }

    @Override
    public int rows() {
        return rows;
    }

    @Override
    public int cols() {
        return cols;
    }

    @Override
    public DType dtype() {
        return dtype;
    }

    long size() {
        return (long) rows * cols;
    }

    long bytes() {
        return size() * dtype.bytes();
    }

    @Override
    public CpuMatrix rows(int from, int count) {
        java.util.Objects.checkFromIndexSize(from, count, rows);
        address();
        return new CpuMatrix(owner, count, offsetBytes + (long) from * cols * dtype.bytes());
    }

    /** Pointer to element {@code index} of the row-major storage. */
    FloatPointer floats(long index) {
        return new FloatPointer(bytePointer(index));
    }

    /** Pointer to element {@code index} of the row-major storage. */
    DoublePointer doubles(long index) {
        return new DoublePointer(bytePointer(index));
    }

    /** The values of rows {@code from .. from+count-1}; at most 2 GiB. */
    FloatBuffer floatRows(int from, int count) {
        return view(from, count).asFloatBuffer();
    }

    /** The bit patterns of f32 rows {@code from .. from+count-1}; at most 2 GiB. */
    java.nio.IntBuffer bitRows(int from, int count) {
        return view(from, count).asIntBuffer();
    }

    /** The values of rows {@code from .. from+count-1}; at most 2 GiB. */
    DoubleBuffer doubleRows(int from, int count) {
        return view(from, count).asDoubleBuffer();
    }

    private java.nio.ByteBuffer view(int from, int count) {
        long bytes = (long) count * cols * dtype.bytes();
        if (bytes > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("a view of " + bytes + " bytes: take fewer rows at once");
        }
        return bytePointer((long) from * cols).limit(bytes).asByteBuffer().order(ByteOrder.nativeOrder());
    }

    BytePointer bytePointer(long index) {
        return new BytePointer(address()).getPointer(BytePointer.class, offsetBytes + index * dtype.bytes());
    }

    private Pointer address() {
        Pointer pointer = owner.memory;
        if (pointer == null) {
            throw new IllegalStateException("matrix " + shape() + " is closed");
        }
        return pointer;
    }

    @Override
    public void close() {
        if (owner == this && memory != null) {
            Pointer.free(memory);
            memory = null;
            allocated.addAndGet(-bytes());
        }
    }
}
