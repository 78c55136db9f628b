package io.cospadi.backend;

import io.cospadi.tensor.DType;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;

/** A matrix in native memory. */
final class NativeMatrix extends StoredMatrix {
    private final NativeBlock block;

    private NativeMatrix(NativeBlock block, boolean owner, long start, int rows, int cols, DType dtype) {
        super(owner, start, rows, cols, dtype);
        this.block = block;
    }

    static NativeMatrix allocate(int rows, int cols, DType dtype, AtomicLong account) {
        NativeBlock block = new NativeBlock(Math.multiplyExact((long) rows * cols, (long) dtype.bytes()), account);
        return new NativeMatrix(dtype == DType.F32 ? block.ofFloats() : block.ofDoubles(), true, 0, rows, cols, dtype);
    }

    /**
     * The matrix as the processor's own, still open.
     *
     * @throws IllegalArgumentException if it is another backend's
     * @throws IllegalStateException    if it was closed
     */
    static NativeMatrix own(Matrix matrix) {
        if (matrix instanceof NativeMatrix mine) {
            mine.requireOpen();
            return mine;
        }
        throw foreign(matrix);
    }

    @Override
    NativeBlock block() {
        return block;
    }

    @Override
    Matrix of(boolean owner, long start, int rows) {
        return new NativeMatrix(block, owner, start, rows, cols(), dtype());
    }

    /** Address of an element, counted in elements from the matrix's first. */
    long address(long element) {
        return block.address() + (start() + element) * dtype().bytes();
    }

    FloatPointer floats(long element) {
        return OpenBlas.floats(address(element));
    }

    DoublePointer doubles(long element) {
        return OpenBlas.doubles(address(element));
    }

    void get(long element, float[] to, int count) {
        block.get(start() + element, to, 0, count);
    }

    void get(long element, float[] to, int offset, int count) {
        block.get(start() + element, to, offset, count);
    }

    void put(long element, float[] from, int count) {
        block.put(start() + element, from, 0, count);
    }

    void put(long element, float[] from, int offset, int count) {
        block.put(start() + element, from, offset, count);
    }

    void getBits(long element, int[] to, int count) {
        block.get(start() + element, to, 0, count);
    }

    void putBits(long element, int[] from, int count) {
        block.put(start() + element, from, 0, count);
    }

    void get(long element, double[] to, int count) {
        block.get(start() + element, to, 0, count);
    }

    void get(long element, double[] to, int offset, int count) {
        block.get(start() + element, to, offset, count);
    }

    void put(long element, double[] from, int count) {
        block.put(start() + element, from, 0, count);
    }

    void put(long element, double[] from, int offset, int count) {
        block.put(start() + element, from, offset, count);
    }

    /** One element; for the few that are not reached in bulk. */
    float getFloat(long element) {
        return block.getFloat(start() + element);
    }

    void setFloat(long element, float value) {
        block.setFloat(start() + element, value);
    }

    double getDouble(long element) {
        return block.getDouble(start() + element);
    }

    void setDouble(long element, double value) {
        block.setDouble(start() + element, value);
    }
}
