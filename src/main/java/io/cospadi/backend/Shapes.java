package io.cospadi.backend;

import io.cospadi.tensor.DType;
import java.util.List;

/** The questions about shapes that the verbs' checks consist of; every refusal names the verb and all shapes it was given. */
final class Shapes {
    private Shapes() {}

    /** Throws unless the condition holds. */
    static void require(boolean holds, String verb, String rule, Object... given) {
        if (!holds) {
            StringBuilder message =
                    new StringBuilder(verb).append(" needs ").append(rule).append(", got ");
            for (int i = 0; i < given.length; i++) {
                message.append(i == 0 ? "" : " and ")
                        .append(given[i] instanceof Matrix matrix ? matrix.shape() : given[i]);
            }
            throw new IllegalArgumentException(message.toString());
        }
    }

    static void requireF32(String verb, Matrix... matrices) {
        for (Matrix matrix : matrices) {
            require(matrix.dtype() == DType.F32, verb, "F32 matrices", (Object[]) matrices);
        }
    }

    static void requireSameShape(String verb, Matrix a, Matrix b) {
        require(a.rows() == b.rows() && a.cols() == b.cols(), verb, "equal shapes", a, b);
    }

    static void requireSame(String verb, Matrix a, Matrix b) {
        require(
                a.rows() == b.rows() && a.cols() == b.cols() && a.dtype() == b.dtype(),
                verb,
                "equal shapes and types",
                a,
                b);
    }

    static void requireSquare(String verb, Matrix... given) {
        require(given[0].rows() == given[0].cols(), verb, "a square matrix", (Object[]) given);
    }

    static void requireVector(String verb, Matrix vector, int length, DType dtype, Matrix beside) {
        require(
                vector.rows() == 1 && vector.cols() == length && vector.dtype() == dtype,
                verb,
                "a (1, " + length + ") " + dtype + " vector",
                vector,
                beside);
    }

    static void requireScalar(String verb, Matrix scalar, Matrix beside) {
        require(
                scalar.rows() == 1 && scalar.cols() == 1 && scalar.dtype() == DType.F64,
                verb,
                "a (1, 1) F64 scalar",
                scalar,
                beside);
    }

    /** A matrix of no backend of this package overlaps none; its verb refuses it. */
    static void requireApart(String verb, Matrix out, Matrix in) {
        boolean apart = !(out instanceof StoredMatrix to && in instanceof StoredMatrix from && to.overlaps(from));
        require(apart, verb, "an output that shares no memory with an input or another output", out, in);
    }

    /** Each output is apart from the inputs and from the other outputs. */
    static void requireApart(String verb, List<Matrix> outputs, List<Matrix> inputs) {
        for (int i = 0; i < outputs.size(); i++) {
            for (Matrix in : inputs) {
                requireApart(verb, outputs.get(i), in);
            }
            for (int j = 0; j < i; j++) {
                requireApart(verb, outputs.get(i), outputs.get(j));
            }
        }
    }
}
