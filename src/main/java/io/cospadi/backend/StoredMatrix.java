package io.cospadi.backend;

import io.cospadi.tensor.DType;
import java.util.Objects;
import java.util.Optional;

/**
 * What a matrix of any backend is made of: a run of row-major elements in one block of memory; element (i, j) lies at
 * {@code start + i * cols + j}, counted in elements from the block's first. A view of rows shares the block and starts later.
 */
abstract sealed class StoredMatrix implements Matrix permits CudaMatrix, NativeMatrix {
    private final boolean owner;
    private final long start;
    private final int rows;
    private final int cols;
    private final DType dtype;
    private boolean closed;

    /** @param owner whether the matrix holds its block, or is a view of one that does */
    StoredMatrix(boolean owner, long start, int rows, int cols, DType dtype) {
        this.owner = owner;
        this.start = start;
        this.rows = rows;
        this.cols = cols;
        this.dtype = dtype;
    }

    /** The block that holds the elements, the same object for all who share it. */
    abstract SharedBlock block();

    /** Rows of this one's elements from {@code start} on. */
    abstract Matrix of(boolean owner, long start, int rows);

    @Override
    public final Matrix rows(int from, int count) {
        Objects.checkFromIndexSize(from, count, rows);
        requireOpen();
        return of(false, start + (long) from * cols, count);
    }

    @Override
    public final Optional<Matrix> share() {
        if (!block().hold()) {
            return Optional.empty();
        }
        return Optional.of(of(true, start, rows));
    }

    @Override
    public final void close() {
        if (owner && !closed) {
            closed = true;
            block().close();
        }
    }

    /** @throws IllegalStateException if the matrix, or all that hold what it views, were closed */
    final void requireOpen() {
        if (closed || block().isClosed()) {
            throw new IllegalStateException("a matrix " + shape() + " is used after it was closed");
        }
    }

    /** Elements of the block before the matrix's first. */
    final long start() {
        return start;
    }

    @Override
    public final int rows() {
        return rows;
    }

    @Override
    public final int cols() {
        return cols;
    }

    @Override
    public final DType dtype() {
        return dtype;
    }

    final boolean isF32() {
        return dtype == DType.F32;
    }

    final long elements() {
        return (long) rows * cols;
    }

    /** Whether the two share memory; views of disjoint rows do not. */
    final boolean overlaps(StoredMatrix other) {
        return block() == other.block() && start < other.start + other.elements() && other.start < start + elements();
    }

    static IllegalArgumentException foreign(Matrix matrix) {
        return new IllegalArgumentException("a matrix of another backend: "
                + (matrix == null ? "null" : matrix.getClass().getSimpleName() + " " + matrix.shape()));
    }

    @Override
    public final String toString() {
        return shape();
    }
}
