package io.cospadi.backend;

import static io.cospadi.backend.Shapes.require;
import static io.cospadi.backend.Shapes.requireApart;
import static io.cospadi.backend.Shapes.requireF32;
import static io.cospadi.backend.Shapes.requireSameShape;
import static io.cospadi.backend.Shapes.requireVector;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;

/** What {@link Storage}'s verbs ask of their arguments, whichever backend moves the bytes. */
final class StorageChecks {
    private StorageChecks() {}

    static void allocate(int rows, int cols, DType dtype) {
        if (rows < 0 || cols < 0) {
            throw new IllegalArgumentException("a matrix needs 0 or more rows and columns, got " + rows + " x " + cols);
        }
        if (dtype != DType.F32 && dtype != DType.F64) {
            throw new IllegalArgumentException("a matrix is F32 or F64, not " + dtype);
        }
    }

    static void upload(Codes codes) {
        for (int i = 0; i < codes.values().length; i++) {
            float value = codes.values()[i];
            if (Bfloat16.round(value) != value) {
                throw new IllegalArgumentException("code value " + value + " of row " + i / codes.s()
                        + " is not representable in 16 bits; round codes before packing them");
            }
        }
    }

    static void write(Matrix matrix, float[] values) {
        requireF32("write", matrix);
        requireLength(matrix, values.length);
    }

    static void write(Matrix matrix, double[] values) {
        require(matrix.dtype() == DType.F64, "write", "an F64 matrix for doubles", matrix);
        requireLength(matrix, values.length);
    }

    static void write(Matrix matrix, Codes codes) {
        require(
                matrix.rows() == codes.rows() && matrix.cols() == codes.k(),
                "write",
                "a matrix of the codes' shape",
                matrix,
                "codes (" + codes.rows() + ", " + codes.k() + ")");
    }

    private static void requireLength(Matrix matrix, int values) {
        require(elements(matrix) == values, "write", "as many values as elements", matrix, values + " values");
    }

    static void read(Matrix scalar) {
        require(
                scalar.rows() == 1 && scalar.cols() == 1 && scalar.dtype() == DType.F64,
                "read",
                "a (1, 1) F64 scalar",
                scalar);
    }

    static void readFloats(Matrix matrix) {
        requireF32("readFloats", matrix);
    }

    static void readDoubles(Matrix matrix) {
        require(matrix.dtype() == DType.F64, "readDoubles", "an F64 matrix", matrix);
    }

    static void load(Matrix matrix, ByteBuffer stored, DType type) {
        require(type.isFloat(), "load", "F64, F32, F16 or BF16 elements", type, matrix);
        require(
                elements(matrix) * type.bytes() == stored.remaining(),
                "load",
                "exactly the matrix's elements",
                matrix,
                stored.remaining() + " bytes of " + type);
    }

    static void copy(Matrix from, Matrix to) {
        requireSameShape("copy", from, to);
        requireApart("copy", to, from);
    }

    static void gatherRows(Matrix from, int[] indices, Matrix to) {
        requireRows("gatherRows", from, to);
        requireIndices("gatherRows", indices, to, from);
    }

    static void scatterRows(Matrix from, int[] indices, Matrix to) {
        requireRows("scatterRows", from, to);
        requireIndices("scatterRows", indices, from, to);
    }

    private static void requireRows(String verb, Matrix from, Matrix to) {
        require(from.cols() == to.cols() && from.dtype() == to.dtype(), verb, "equal columns and types", from, to);
        requireApart(verb, to, from);
    }

    private static void requireIndices(String verb, int[] indices, Matrix oneEach, Matrix into) {
        require(indices.length == oneEach.rows(), verb, "one index a row", indices.length + " indices", oneEach, into);
        for (int index : indices) {
            require(0 <= index && index < into.rows(), verb, "indices of rows", index, into);
        }
    }

    static void gatherColumn(Matrix from, int column, int[] rows, Matrix to) {
        requireColumn("gatherColumn", from, column, rows, to);
    }

    static void scatterColumn(Matrix from, int[] rows, Matrix to, int column) {
        requireColumn("scatterColumn", to, column, rows, from);
    }

    private static void requireColumn(String verb, Matrix matrix, int column, int[] rows, Matrix vector) {
        requireVector(verb, vector, rows.length, matrix.dtype(), matrix);
        require(0 <= column && column < matrix.cols(), verb, "a column inside", "column " + column, matrix, vector);
        for (int row : rows) {
            require(0 <= row && row < matrix.rows(), verb, "rows inside", "row " + row, matrix, vector);
        }
        requireApart(verb, matrix, vector);
    }

    static void transpose(Matrix from, Matrix to) {
        require(
                from.rows() == to.cols() && from.cols() == to.rows() && from.dtype() == to.dtype(),
                "transpose",
                "(rows, cols) and (cols, rows) of one type",
                from,
                to);
        requireApart("transpose", to, from);
    }

    private static long elements(Matrix matrix) {
        return (long) matrix.rows() * matrix.cols();
    }
}
