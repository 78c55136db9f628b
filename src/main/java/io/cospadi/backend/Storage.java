package io.cospadi.backend;

import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.HostMatrix;
import java.nio.ByteBuffer;

/** Matrices in and out of a backend's memory. Every method throws IllegalArgumentException, with both shapes, on a mismatch. */
public interface Storage {
    /** A zero matrix of F32 or F64; the caller closes it. */
    Matrix allocate(int rows, int cols, DType dtype);

    /**
     * A matrix of F32 or F64 for whoever fills all of it by {@link #load} first of all: its contents are undefined until then, so that
     * this can go on beside what is queued. The caller closes it.
     */
    default Matrix allocateUndefined(int rows, int cols, DType dtype) {
        return allocate(rows, cols, dtype);
    }

    /**
     * The type in which a stored weight is best kept here: F32, or BF16 where products read that as it is. A BF16 matrix comes
     * from {@link #allocateWeight}, is filled by {@link #load}, and is a factor b of {@link LinearAlgebra#gemm}; no other verb
     * takes it.
     */
    default DType weightType(DType stored) {
        return DType.F32;
    }

    /** A matrix of {@link #weightType}, contents undefined, for a weight stored in {@code stored}; the caller closes it. */
    default Matrix allocateWeight(int rows, int cols, DType stored) {
        return allocate(rows, cols, DType.F32);
    }

    /** A sparse matrix holding {@code codes} exactly (values as f32 must be representable in bf16); the caller closes it. */
    SparseMatrix upload(Codes codes);

    /** The same codes in memory of their own; the caller closes them. */
    SparseMatrix duplicate(SparseMatrix codes);

    /** An F32 copy of {@code host}; the caller closes it. */
    default Matrix upload(HostMatrix host) {
        Matrix matrix = allocate(host.rows(), host.cols(), DType.F32);
        write(matrix, host.data());
        return matrix;
    }

    /** Fills the whole of an F32 matrix from {@code values}, row-major, exactly {@code rows * cols} of them. */
    void write(Matrix matrix, float[] values);

    /** Fills the whole of an F64 matrix. */
    void write(Matrix matrix, double[] values);

    /** All of a matrix (rows, k), F32 or F64, becomes the codes, zeros where they store nothing. */
    void write(Matrix matrix, Codes codes);

    /** All of an F32 matrix, row-major. */
    float[] readFloats(Matrix matrix);

    /** All of an F64 matrix, row-major. */
    double[] readDoubles(Matrix matrix);

    /**
     * Sends a scalar, (1, 1) F64, to the host as it is now, without waiting for it: later verbs may change the matrix, or close it,
     * before the number is asked for.
     */
    Reading read(Matrix scalar);

    /** An F32 matrix on the host. */
    default HostMatrix download(Matrix matrix) {
        return new HostMatrix(matrix.rows(), matrix.cols(), readFloats(matrix));
    }

    /**
     * Fills all of {@code matrix} (F32 or F64) from stored little-endian elements, converting exactly (F64 to F32: rounding).
     *
     * @param stored position .. limit holds exactly {@code rows * cols} elements of {@code type}; not modified
     * @param type   F64, F32, F16 or BF16
     */
    void load(Matrix matrix, ByteBuffer stored, DType type);

    /** {@code to <- from}, same shape, converting between F32 and F64 where the types differ. */
    void copy(Matrix from, Matrix to);

    /** {@code to[i] <- from[indices[i]]} for every row i of {@code to}; same type and columns; also the embedding look-up. */
    void gatherRows(Matrix from, int[] indices, Matrix to);

    /** {@code to[indices[i]] <- from[i]}; indices distinct. */
    void scatterRows(Matrix from, int[] indices, Matrix to);

    /** {@code to[j] <- from[rows[j], column]}; to is (1, rows.length), same type. */
    void gatherColumn(Matrix from, int column, int[] rows, Matrix to);

    /** {@code to[rows[j], column] <- from[j]}; rows distinct, from is (1, rows.length), same type. */
    void scatterColumn(Matrix from, int[] rows, Matrix to, int column);

    /** {@code to (cols, rows) <- fromᵀ}, same type, not the same matrix. */
    void transpose(Matrix from, Matrix to);

    /** Every element becomes {@code value}. */
    void fill(Matrix matrix, double value);
}
