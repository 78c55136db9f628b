package io.cospadi.backend;

import io.cospadi.tensor.DType;

/** The checks that every backend makes before it computes; each message carries the shapes. */
final class Shapes {
    private Shapes() {}

    /** {@code holds}, or an IllegalArgumentException that names the verb and all shapes. */
    static void require(boolean holds, String verb, String rule, Matrix... matrices) {
        if (!holds) {
            StringBuilder found = new StringBuilder();
            for (Matrix matrix : matrices) {
                found.append(found.length() == 0 ? "" : ", ").append(matrix.shape());
            }
            throw new IllegalArgumentException(verb + ": " + rule + "; got " + found);
        }
    }

    static void sameType(String verb, Matrix... matrices) {
        for (Matrix matrix : matrices) {
            require(matrix.dtype() == matrices[0].dtype(), verb, "all matrices have one type", matrices);
        }
    }

    static void single(String verb, Matrix... matrices) {
        for (Matrix matrix : matrices) {
            require(matrix.dtype() == DType.F32, verb, "all matrices are F32", matrices);
        }
    }

    static void sameShape(String verb, Matrix... matrices) {
        for (Matrix matrix : matrices) {
            require(
                    matrix.rows() == matrices[0].rows() && matrix.cols() == matrices[0].cols(),
                    verb,
                    "all matrices have one shape",
                    matrices);
        }
    }

    static void square(String verb, Matrix matrix) {
        require(matrix.rows() == matrix.cols(), verb, "the matrix is square", matrix);
    }

    /** A (1, n) matrix. */
    static void vector(String verb, Matrix vector, int n, Matrix... others) {
        if (vector.rows() != 1 || vector.cols() != n) {
            Matrix[] all = new Matrix[others.length + 1];
            all[0] = vector;
            System.arraycopy(others, 0, all, 1, others.length);
            require(false, verb, "a vector of (1, " + n + ") is needed", all);
        }
    }
}
