package io.cospadi.backend;

import io.cospadi.gpu.Arithmetic;
import io.cospadi.tensor.DType;
import java.util.List;

/** A matrix in a GPU's memory. */
final class CudaMatrix extends StoredMatrix {
    private final CudaBlock block;

    private CudaMatrix(CudaBlock block, boolean owner, long start, int rows, int cols, DType dtype) {
        super(owner, start, rows, cols, dtype);
        this.block = block;
    }

    /** The whole of a block, which the matrix closes. */
    CudaMatrix(CudaBlock block, int rows, int cols, DType dtype) {
        this(block, true, 0, rows, cols, dtype);
    }

    /**
     * The matrix as a GPU's, still open.
     *
     * @throws IllegalArgumentException if it is another backend's
     * @throws IllegalStateException    if it was closed
     */
    static CudaMatrix own(Matrix matrix) {
        if (matrix instanceof CudaMatrix mine) {
            mine.requireOpen();
            return mine;
        }
        throw foreign(matrix);
    }

    /** Each of them. */
    static List<CudaMatrix> own(List<Matrix> matrices) {
        return matrices.stream().map(CudaMatrix::own).toList();
    }

    /** Where an open matrix of a GPU begins. */
    static long at(Matrix matrix) {
        return own(matrix).address();
    }

    @Override
    CudaBlock block() {
        return block;
    }

    @Override
    Matrix of(boolean owner, long start, int rows) {
        return new CudaMatrix(block, owner, start, rows, cols(), dtype());
    }

    /** Of the first element, on the device. */
    long address() {
        return block.address() + offset();
    }

    /** Bytes of its block before the first element. */
    long offset() {
        return start() * dtype().bytes();
    }

    long bytes() {
        return elements() * dtype().bytes();
    }

    /** What products of this matrix's type compute in. */
    Arithmetic arithmetic() {
        return isF32() ? Arithmetic.F32 : Arithmetic.F64;
    }
}
