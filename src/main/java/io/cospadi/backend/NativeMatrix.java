package io.cospadi.backend;

import io.cospadi.tensor.DType;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;

/**
 * A row-major matrix in native memory: element (i, j) lies at {@code start + i * cols + j}, counted in elements. A view of
 * rows shares the block and starts later.
 */
final class NativeMatrix implements Matrix {
    private final NativeBlock block;
    private final boolean owner;
    private final long start;
    private final int rows;
    private final int cols;
    private final DType dtype;

    private NativeMatrix(NativeBlock block, boolean owner, long start, int rows, int cols, DType dtype) {
        this.block = block;
        this.owner = owner;
        this.start = start;
        this.rows = rows;
        this.cols = cols;
        this.dtype = dtype;
    }

    static NativeMatrix allocate(int rows, int cols, DType dtype, AtomicLong account) {
        if (rows < 0 || cols < 0) {
            throw new IllegalArgumentException("a matrix needs 0 or more rows and columns, got " + rows + " x " + cols);
        }
        if (dtype != DType.F32 && dtype != DType.F64) {
            throw new IllegalArgumentException("a matrix is F32 or F64, not " + dtype);
        }
        NativeBlock block = new NativeBlock(Math.multiplyExact((long) rows * cols, (long) dtype.bytes()), account);
        return new NativeMatrix(dtype == DType.F32 ? block.ofFloats() : block.ofDoubles(), true, 0, rows, cols, dtype);
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

    @Override
    public Matrix rows(int from, int count) {
        Objects.checkFromIndexSize(from, count, rows);
        requireOpen();
        return new NativeMatrix(block, false, start + (long) from * cols, count, cols, dtype);
    }

    @Override
    public void close() {
        if (owner) {
            block.close();
        }
    }

    boolean isF32() {
        return dtype == DType.F32;
    }

    long elements() {
        return (long) rows * cols;
    }

    /** Whether the two share memory; views of disjoint rows do not. */
    boolean overlaps(NativeMatrix other) {
        return block == other.block && start < other.start + other.elements() && other.start < start + elements();
    }

    NativeMatrix requireOpen() {
        if (block.isClosed()) {
            throw new IllegalStateException("a matrix " + shape() + " is used after it was closed");
        }
        return this;
    }

    /** Address of an element, counted in elements from the matrix's first. */
    long address(long element) {
        return block.address() + (start + element) * dtype.bytes();
    }

    FloatPointer floats(long element) {
        return OpenBlas.floats(address(element));
    }

    DoublePointer doubles(long element) {
        return OpenBlas.doubles(address(element));
    }

    void get(long element, float[] to, int count) {
        block.get(start + element, to, 0, count);
    }

    void get(long element, float[] to, int offset, int count) {
        block.get(start + element, to, offset, count);
    }

    void put(long element, float[] from, int count) {
        block.put(start + element, from, 0, count);
    }

    void put(long element, float[] from, int offset, int count) {
        block.put(start + element, from, offset, count);
    }

    void getBits(long element, int[] to, int count) {
        block.get(start + element, to, 0, count);
    }

    void putBits(long element, int[] from, int count) {
        block.put(start + element, from, 0, count);
    }

    void get(long element, double[] to, int count) {
        block.get(start + element, to, 0, count);
    }

    void get(long element, double[] to, int offset, int count) {
        block.get(start + element, to, offset, count);
    }

    void put(long element, double[] from, int count) {
        block.put(start + element, from, 0, count);
    }

    void put(long element, double[] from, int offset, int count) {
        block.put(start + element, from, offset, count);
    }

    /** One element; for the few that are not reached in bulk. */
    float getFloat(long element) {
        return block.getFloat(start + element);
    }

    void setFloat(long element, float value) {
        block.setFloat(start + element, value);
    }

    double getDouble(long element) {
        return block.getDouble(start + element);
    }

    void setDouble(long element, double value) {
        block.setDouble(start + element, value);
    }

    @Override
    public String toString() {
        return shape();
    }
}
