package io.cospadi.backend;

import static io.cospadi.backend.Shapes.require;
import static io.cospadi.backend.Shapes.requireApart;
import static io.cospadi.backend.Shapes.requireSame;
import static io.cospadi.backend.Shapes.requireScalar;
import static io.cospadi.backend.Shapes.requireSquare;
import static io.cospadi.backend.Shapes.requireVector;

import io.cospadi.tensor.DType;
import java.util.List;

/** What {@link LinearAlgebra}'s verbs ask of their arguments, whichever backend computes. */
final class LinearAlgebraChecks {
    private LinearAlgebraChecks() {}

    static void gemm(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix c) {
        int m = transposeA ? a.cols() : a.rows();
        int inner = transposeA ? a.rows() : a.cols();
        int innerOfB = transposeB ? b.cols() : b.rows();
        int n = transposeB ? b.rows() : b.cols();
        require(
                inner == innerOfB
                        && c.rows() == m
                        && c.cols() == n
                        && a.dtype() == factorType(b)
                        && a.dtype() == c.dtype(),
                "gemm",
                "op(a) (m, l), op(b) (l, n), c (m, n) of one type",
                a.shape() + (transposeA ? " transposed" : ""),
                b.shape() + (transposeB ? " transposed" : ""),
                c);
        requireApart("gemm", c, a);
        requireApart("gemm", c, b);
    }

    static void multiplyWeights(Matrix x, List<Matrix> weights, List<Matrix> out) {
        if (weights.size() != out.size()) {
            throw new IllegalArgumentException(
                    "multiplyWeights: " + weights.size() + " weights make as many results, not " + out.size());
        }
        for (int i = 0; i < weights.size(); i++) {
            Matrix weight = weights.get(i);
            Matrix to = out.get(i);
            require(
                    x.cols() == weight.cols()
                            && to.rows() == x.rows()
                            && to.cols() == weight.rows()
                            && x.dtype() == factorType(weight)
                            && x.dtype() == to.dtype(),
                    "multiplyWeights",
                    "x (N, d1), weights (d2, d1), out (N, d2) of one type",
                    x,
                    weight,
                    to);
            requireApart("multiplyWeights", to, x);
        }
        requireApart("multiplyWeights", out, weights);
    }

    /** A weight in bf16 is multiplied as f32. */
    private static DType factorType(Matrix b) {
        return b.dtype() == DType.BF16 ? DType.F32 : b.dtype();
    }

    static void symmetricProduct(Matrix a, boolean transposed, Matrix c) {
        int n = transposed ? a.cols() : a.rows();
        require(
                c.rows() == n && c.cols() == n && a.dtype() == c.dtype(),
                "symmetricProduct",
                "op(a) (n, m) and c (n, n) of one type",
                a.shape() + (transposed ? " transposed" : ""),
                c);
        requireApart("symmetricProduct", c, a);
    }

    static void addGram(Matrix x, Matrix gram) {
        require(
                x.dtype() == DType.F32
                        && gram.dtype() == DType.F64
                        && gram.rows() == x.cols()
                        && gram.cols() == x.cols(),
                "addGram",
                "x (n, d) F32 and gram (d, d) F64",
                x,
                gram);
    }

    static void axpy(Matrix x, Matrix y) {
        requireSame("axpy", x, y);
    }

    static void axpy(Matrix alpha, Matrix x, Matrix y) {
        requireSame("axpy", x, y);
        requireScalar("axpy", alpha, x);
        requireApart("axpy", y, alpha);
    }

    static void scale(Matrix alpha, Matrix matrix) {
        requireScalar("scale", alpha, matrix);
        requireApart("scale", matrix, alpha);
    }

    static void copyIfLess(Matrix a, Matrix b, Matrix from, Matrix to) {
        requireSame("copyIfLess", from, to);
        requireScalar("copyIfLess", a, from);
        requireScalar("copyIfLess", b, from);
        requireApart("copyIfLess", to, from);
        if (to != a && to != b) {
            requireApart("copyIfLess", to, a);
            requireApart("copyIfLess", to, b);
        }
    }

    static void scaleRows(Matrix matrix, Matrix factors) {
        requireVector("scaleRows", factors, matrix.rows(), matrix.dtype(), matrix);
    }

    static void scaleColumns(Matrix matrix, Matrix factors) {
        requireVector("scaleColumns", factors, matrix.cols(), matrix.dtype(), matrix);
    }

    static void axpyRows(Matrix factors, Matrix x, Matrix y) {
        requireSame("axpyRows", x, y);
        requireVector("axpyRows", factors, x.rows(), x.dtype(), x);
    }

    static void power(Matrix values, Matrix out) {
        requireSame("power", values, out);
    }

    static void ratio(Matrix numerators, Matrix denominators, Matrix out) {
        requireSame("ratio", numerators, denominators);
        requireSame("ratio", numerators, out);
    }

    static void rowDots(Matrix a, Matrix b, Matrix out) {
        requireSame("rowDots", a, b);
        requireVector("rowDots", out, a.rows(), out.dtype() == DType.F64 ? DType.F64 : a.dtype(), a);
    }

    static void dot(Matrix a, Matrix b) {
        requireSame("dot", a, b);
    }

    static void dot(Matrix a, Matrix b, Matrix out) {
        requireSame("dot", a, b);
        requireScalar("dot", out, a);
    }

    static void diagonal(Matrix matrix, Matrix out) {
        require(matrix.rows() == matrix.cols(), "diagonal", "a square matrix", matrix, out);
        requireVector("diagonal", out, matrix.rows(), matrix.dtype(), matrix);
    }

    static void addToDiagonal(Matrix matrix) {
        requireSquare("addToDiagonal", matrix);
    }

    static void addToDiagonal(Matrix matrix, Matrix value) {
        requireSquare("addToDiagonal", matrix, value);
        requireScalar("addToDiagonal", value, matrix);
        requireApart("addToDiagonal", matrix, value);
    }

    static void cholesky(Matrix matrix, Matrix failed) {
        requireSquare("cholesky", matrix, failed);
        requireScalar("cholesky", failed, matrix);
        requireApart("cholesky", failed, matrix);
    }

    static void cholesky(Matrix matrix) {
        requireSquare("cholesky", matrix);
    }

    static void solveCholesky(Matrix factor, Matrix b) {
        requireSolve("solveCholesky", factor, b);
    }

    static void solveTriangular(Matrix factor, Matrix b) {
        requireSolve("solveTriangular", factor, b);
    }

    private static void requireSolve(String verb, Matrix factor, Matrix b) {
        require(
                factor.rows() == factor.cols() && factor.rows() == b.rows() && factor.dtype() == b.dtype(),
                verb,
                "a factor (n, n) and right-hand sides (n, m) of one type",
                factor,
                b);
        requireApart(verb, b, factor);
    }

    static void eigenvectors(Matrix matrix, Matrix failed) {
        requireSquare("eigenvectors", matrix, failed);
        requireScalar("eigenvectors", failed, matrix);
        requireApart("eigenvectors", failed, matrix);
    }

    static void eigenSymmetric(Matrix matrix) {
        requireSquare("eigenSymmetric", matrix);
    }
}
