package io.cospadi.backend;

import io.cospadi.tensor.DType;

/** The facade's questions about shapes; every refusal names the verb and all shapes it was given. */
final class Shapes {
    private Shapes() {}

    /** The matrix as this backend's own, still open. */
    static NativeMatrix own(Matrix matrix) {
        if (matrix instanceof NativeMatrix mine) {
            return mine.requireOpen();
        }
        throw new IllegalArgumentException("a matrix of another backend: "
                + (matrix == null ? "null" : matrix.getClass().getSimpleName() + " " + matrix.shape()));
    }

    static PackedCodeMatrix own(SparseMatrix codes) {
        if (codes instanceof PackedCodeMatrix mine) {
            return mine.requireOpen();
        }
        throw new IllegalArgumentException("codes of another backend: " + codes);
    }

    /** Throws unless the condition holds. */
    static void require(boolean holds, String verb, String rule, Object... given) {
        if (!holds) {
            StringBuilder message =
                    new StringBuilder(verb).append(" needs ").append(rule).append(", got ");
            for (int i = 0; i < given.length; i++) {
                message.append(i == 0 ? "" : " and ").append(given[i]);
            }
            throw new IllegalArgumentException(message.toString());
        }
    }

    static void requireF32(String verb, NativeMatrix... matrices) {
        for (NativeMatrix matrix : matrices) {
            require(matrix.isF32(), verb, "F32 matrices", (Object[]) matrices);
        }
    }

    static void requireSameShape(String verb, NativeMatrix a, NativeMatrix b) {
        require(a.rows() == b.rows() && a.cols() == b.cols(), verb, "equal shapes", a, b);
    }

    static void requireSame(String verb, NativeMatrix a, NativeMatrix b) {
        require(
                a.rows() == b.rows() && a.cols() == b.cols() && a.dtype() == b.dtype(),
                verb,
                "equal shapes and types",
                a,
                b);
    }

    static void requireSquare(String verb, NativeMatrix matrix) {
        require(matrix.rows() == matrix.cols(), verb, "a square matrix", matrix);
    }

    static void requireVector(String verb, NativeMatrix vector, int length, DType dtype, NativeMatrix beside) {
        require(
                vector.rows() == 1 && vector.cols() == length && vector.dtype() == dtype,
                verb,
                "a (1, " + length + ") " + dtype + " vector",
                vector,
                beside);
    }

    static void requireApart(String verb, NativeMatrix out, NativeMatrix in) {
        require(!out.overlaps(in), verb, "an output that shares no memory with an input", out, in);
    }
}
