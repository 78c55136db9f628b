package io.cospadi.backend;

import io.cospadi.tensor.DType;
import java.util.List;

/**
 * Dense linear algebra. All matrices of one call have one type (F32 or F64) unless said otherwise; shapes are checked
 * and named in the IllegalArgumentException. Reductions have a fixed order: equal inputs give equal bits for one thread
 * count. A "vector" is a (1, n) matrix.
 *
 * <p>A "scalar" is a (1, 1) F64 matrix beside matrices of any type: a number that stays where the matrices are, so that an
 * algorithm computes with it without waiting for it. Sums, multiples, roots and quotients of scalars are the elementwise verbs.
 */
public interface LinearAlgebra {
    /** {@code c <- alpha · op(a) · op(b) + beta · c}; op transposes where the flag says so. c is neither a nor b. A BF16 b counts as F32. */
    void gemm(double alpha, Matrix a, boolean transposeA, Matrix b, boolean transposeB, double beta, Matrix c);

    /**
     * {@code out[i] (N, rows[i]) <- x (N, d1) · weights[i] (rows[i], d1)ᵀ} for each i, as if the weights lay one above the other;
     * where launches cost, few tokens' products are one. Each out is apart from x, all weights and the others.
     */
    default void multiplyWeights(Matrix x, List<Matrix> weights, List<Matrix> out) {
        LinearAlgebraChecks.multiplyWeights(x, weights, out);
        for (int i = 0; i < weights.size(); i++) {
            gemm(1, x, false, weights.get(i), true, 0, out.get(i));
        }
    }

    /**
     * {@code c (n, n) <- a aᵀ} for a (n, m), or {@code aᵀ a} for a (m, n) if transposed; half the work of {@link #gemm}, both
     * triangles written and exactly symmetric.
     */
    void symmetricProduct(Matrix a, boolean transposed, Matrix c);

    /**
     * {@code gram (d, d) F64 += xᵀ x} for x (n, d) F32 and a symmetric gram, both triangles written and exactly symmetric. Products
     * are summed in {@link #gramPrecision} over a chunk of tokens, the chunks in f64.
     */
    void addGram(Matrix x, Matrix gram);

    /** F64; or F32, where f64 products would take many times as long. */
    default DType gramPrecision() {
        return DType.F64;
    }

    /** {@code y <- alpha · x + y}. */
    void axpy(double alpha, Matrix x, Matrix y);

    /** {@code y <- alpha · x + y} by a scalar, which is apart from y. */
    void axpy(Matrix alpha, Matrix x, Matrix y);

    /** {@code matrix <- alpha · matrix}. */
    void scale(double alpha, Matrix matrix);

    /** {@code matrix <- alpha · matrix} by a scalar, which is apart from matrix. */
    void scale(Matrix alpha, Matrix matrix);

    /**
     * {@code to <- from where a < b}, else to stays as it is; NaN is not less than anything, nor anything less than NaN. So the
     * better of two iterates is kept: codes first, then their error, with {@code to} the bound itself.
     *
     * @param a    scalar
     * @param b    scalar
     * @param from of any shape and type, read only
     * @param to   of the same; apart from the others, or one of the two scalars
     */
    void copyIfLess(Matrix a, Matrix b, Matrix from, Matrix to);

    /** Row i times {@code factors[i]}; factors is (1, rows). */
    void scaleRows(Matrix matrix, Matrix factors);

    /** Column j times {@code factors[j]}; factors is (1, cols). */
    void scaleColumns(Matrix matrix, Matrix factors);

    /** {@code y[i] <- factors[i] · x[i] + y[i]} for every row i; factors is (1, rows). */
    void axpyRows(Matrix factors, Matrix x, Matrix y);

    /** {@code out[j] <- values[j]^exponent where values[j] > 0, else 0}, elementwise; out may be values. */
    void power(Matrix values, double exponent, Matrix out);

    /** {@code out[j] <- numerators[j] / denominators[j] where denominators[j] > 0, else 0}, elementwise; out may be either. */
    void ratio(Matrix numerators, Matrix denominators, Matrix out);

    /** {@code out[i] <- sum over j of a[i,j] · b[i,j]}, summed in f64; out is (1, rows), of the type of a and b or F64. */
    void rowDots(Matrix a, Matrix b, Matrix out);

    /** Sum over all elements of a·b, in f64. */
    double dot(Matrix a, Matrix b);

    /** The same sum into a scalar. */
    void dot(Matrix a, Matrix b, Matrix out);

    /** {@code out (1, n) <- diagonal of the square matrix}. */
    void diagonal(Matrix matrix, Matrix out);

    /** Adds {@code value} to every diagonal element of a square matrix. */
    void addToDiagonal(Matrix matrix, double value);

    /** The same with a scalar, added in f64. */
    void addToDiagonal(Matrix matrix, Matrix value);

    /**
     * Cholesky factor of a symmetric matrix, in place: the lower triangle becomes L with {@code L Lᵀ = A}, the strict
     * upper triangle 0. Reads the lower triangle only.
     *
     * @return whether A was positive definite; if not, the contents are undefined
     */
    boolean cholesky(Matrix matrix);

    /**
     * The same without waiting for the outcome.
     *
     * @param failed scalar, becomes 0 where A was positive definite, else 1
     */
    void cholesky(Matrix matrix, Matrix failed);

    /**
     * In place: {@code b (n, m) <- A⁻¹ b} with A = L Lᵀ, from {@link #cholesky}.
     */
    void solveCholesky(Matrix factor, Matrix b);

    /** In place: {@code b (n, m) <- L⁻¹ b}, or {@code L⁻ᵀ b} if transposed; L is the factor's lower triangle, the other isn't read. */
    void solveTriangular(Matrix factor, boolean transposed, Matrix b);

    /**
     * Eigendecomposition of a symmetric matrix (n, n), in place: row i of the result is the unit eigenvector of the i-th
     * eigenvalue, so {@code A = Vᵀ diag(values) V}. Reads one triangle; signs fixed so that each vector's entry of largest
     * magnitude (lowest index on ties) is positive.
     *
     * @return the eigenvalues, ascending
     * @throws ArithmeticException if the iteration does not converge
     */
    double[] eigenSymmetric(Matrix matrix);

    /**
     * The same eigenvectors without their values, and without waiting for them.
     *
     * @param failed scalar, becomes 0 where the iteration converged, else 1, and the contents are undefined
     */
    void eigenvectors(Matrix matrix, Matrix failed);
}
