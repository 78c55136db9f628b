package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.Moment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where the work of one factorisation went: seconds by phase, by the device's clock where there is one, and the floating-point operations of every product,
 * factorisation and solve, by formula. The heavy verbs go through it, so nothing can be forgotten in the count. Elementwise
 * work (thresholds, scalings) counts for time only.
 */
final class Effort implements AutoCloseable {
    private final Backend backend;
    private final List<Phase> phases = new ArrayList<>();
    private final long began = System.nanoTime();
    private long flops;

    /** What follows a moment, until the next; null: nothing does. */
    private record Phase(String name, Moment began) {}

    Effort(Backend backend) {
        this.backend = backend;
    }

    /** In its first phase. */
    static Effort in(String phase, Backend backend) {
        Effort effort = new Effort(backend);
        effort.enter(phase);
        return effort;
    }

    /** What follows belongs to {@code name}; a phase may be entered again and then adds up. Waits for nothing. */
    void enter(String name) {
        phases.add(new Phase(name, backend.moment()));
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

    /** Ends the phase in hand and returns all of them, in order of first appearance; waits for the device. */
    Map<String, Double> secondsByPhase() {
        enter(null);
        Map<String, Double> secondsByPhase = new LinkedHashMap<>();
        for (int i = 1; i < phases.size(); i++) {
            Phase phase = phases.get(i - 1);
            double seconds = phases.get(i).began().secondsSince(phase.began());
            secondsByPhase.merge(phase.name(), seconds, Double::sum);
        }
        close();
        return secondsByPhase;
    }

    /** Gives back what is left of phases that nobody asked about. */
    @Override
    public void close() {
        phases.forEach(phase -> phase.began().close());
        phases.clear();
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

    /** The same without waiting for the outcome. */
    void cholesky(Matrix matrix, Matrix failed) {
        double n = matrix.rows();
        count(n * n * n / 3);
        backend.cholesky(matrix, failed);
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

    /** {@link Backend#eigenvectors}, counted likewise. */
    void eigenvectors(Matrix matrix, Matrix failed) {
        double n = matrix.rows();
        count(9 * n * n * n);
        backend.eigenvectors(matrix, failed);
    }

    /** {@link Backend#eigenSymmetric}: about 9 n³, reduction, iteration and back-transformation. */
    double[] eigenSymmetric(Matrix matrix) {
        double n = matrix.rows();
        count(9 * n * n * n);
        return backend.eigenSymmetric(matrix);
    }
}
