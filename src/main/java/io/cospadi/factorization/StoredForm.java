package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** From matrices on a backend to the numbers that are stored, and back. */
final class StoredForm {
    private StoredForm() {}

    /** Every element of an F64 matrix in bf16, row-major; F64 is rounded to single first. */
    static short[] bfloat16(Backend backend, Matrix matrix) {
        float[] values;
        try (Matrix single = backend.allocate(matrix.rows(), matrix.cols(), DType.F32)) {
            backend.copy(matrix, single);
            values = backend.readFloats(single);
        }
        short[] rounded = new short[values.length];
        int cols = matrix.cols();
        backend.onHost(matrix.rows(), row -> {
            for (int i = row * cols; i < (row + 1) * cols; i++) {
                rounded[i] = Bfloat16.fromFloat(values[i]);
            }
        });
        return rounded;
    }

    /**
     * Scales of levels as bf16 patterns, row-major; none for null.
     *
     * @param what has them, for messages
     * @throws ArithmeticException if one says that a value of its group has no finite level
     */
    static short[] scales(Backend backend, String what, Matrix scales) {
        if (scales == null) {
            return new short[0];
        }
        float[] values = backend.readFloats(scales);
        short[] patterns = new short[values.length];
        for (int i = 0; i < values.length; i++) {
            if (Float.isNaN(values[i])) {
                throw new ArithmeticException("row " + i / scales.cols() + " of the " + what
                        + " holds a value that has no finite level; the Gram matrix or the weight is badly scaled");
            }
            patterns[i] = Bfloat16.fromFloat(values[i]);
        }
        return patterns;
    }

    /** An F64 matrix of bf16 values; the caller closes it. */
    static Matrix upload(Backend backend, int rows, int cols, short[] bfloat16) {
        ByteBuffer stored = ByteBuffer.allocate(Short.BYTES * bfloat16.length).order(ByteOrder.LITTLE_ENDIAN);
        stored.asShortBuffer().put(bfloat16);
        Matrix matrix = backend.allocateUndefined(rows, cols, DType.F64);
        backend.load(matrix, stored, DType.BF16);
        return matrix;
    }

    /** Stored codes as a dense F64 matrix (d2, k); the caller closes it. */
    static Matrix upload(Backend backend, Codes codes) {
        Matrix matrix = backend.allocate(codes.rows(), codes.k(), DType.F64);
        backend.write(matrix, codes);
        return matrix;
    }
}
