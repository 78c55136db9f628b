package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Where the work of one factorisation went: wall seconds by phase, and the floating-point operations of every product,
 * factorisation and solve, by formula. The heavy verbs go through it, so nothing can be forgotten in the count. Elementwise
 * work (thresholds, scalings) counts for time only.
 */
final class Effort {
    private final Backend backend;
    private final Map<String, Double> secondsByPhase = new LinkedHashMap<>();
    private final long began = System.nanoTime();
    private String phase;
    private long phaseBegan = began;
    private long flops;

    Effort(Backend backend) {
        this.backend = backend;
    }

    /** What follows belongs to {@code name}; a phase may be entered again and then adds up. */
    void enter(String name) {
        backend.synchronize(); // a device may still be at what belongs to the phase before
        long now = System.nanoTime();
        if (phase != null) {
            secondsByPhase.merge(phase, (now - phaseBegan) * 1e-9, Double::sum);
        }
        phase = name;
        phaseBegan = now;
    }

    /** The result, with what it took. */
    Factorization factorization(
            Factors factors, double relativeError, double[] errorByRound, int atomsReplaced, int rank) {
        return new Factorization(
                factors, relativeError, errorByRound, atomsReplaced, rank, 0, secondsByPhase(), flops, seconds());
    }

    /** The same for factors that a final fit made. */
    Factorization factorization(FinalFit.Stored stored, double[] errorByRound, int atomsReplaced, int rank) {
        return factorization(stored.factors(), stored.relativeError(), errorByRound, atomsReplaced, rank);
    }

    /** Wall seconds since the beginning. */
    double seconds() {
        return (System.nanoTime() - began) * 1e-9;
    }

    /** Closes the phase in hand and returns all of them, in order of first appearance. */
    Map<String, Double> secondsByPhase() {
        enter(null);
        return secondsByPhase;
    }

    /** Operations counted so far; a multiply-add is two. */
    long flops() {
        return flops;
    }

    /** Counts operations of a verb that is not one of this class's. */
    void count(double operations) {
        flops += Math.round(operations);
    }

    /** {@link Backend#gemm}: 2 m n k. */
    void gemm(double alpha, Matrix a, boolean transposeA, Matrix b, boolean transposeB, double beta, Matrix c) {
        backend.gemm(alpha, a, transposeA, b, transposeB, beta, c);
        count(2.0 * c.rows() * c.cols() * (transposeA ? a.rows() : a.cols()));
    }

    /** {@link Backend#symmetricProduct}: n (n + 1) k, one triangle. */
    void symmetricProduct(Matrix a, boolean transposed, Matrix c) {
        backend.symmetricProduct(a, transposed, c);
        count((double) c.rows() * (c.rows() + 1.0) * (transposed ? a.rows() : a.cols()));
    }

    /** {@link Backend#cholesky}: n³/3. */
    boolean cholesky(Matrix matrix) {
        double n = matrix.rows();
        count(n * n * n / 3);
        return backend.cholesky(matrix);
    }

    /** {@link Backend#solveCholesky}: 2 n² m. */
    void solveCholesky(Matrix factor, Matrix b) {
        backend.solveCholesky(factor, b);
        count(2.0 * factor.rows() * factor.rows() * b.cols());
    }

    /** {@link Backend#solveTriangular}: n² m. */
    void solveTriangular(Matrix factor, boolean transposed, Matrix b) {
        backend.solveTriangular(factor, transposed, b);
        count((double) factor.rows() * factor.rows() * b.cols());
    }

    /** {@link Backend#eigenSymmetric}: about 9 n³, reduction, iteration and back-transformation. */
    double[] eigenSymmetric(Matrix matrix) {
        double n = matrix.rows();
        count(9 * n * n * n);
        return backend.eigenSymmetric(matrix);
    }
}
