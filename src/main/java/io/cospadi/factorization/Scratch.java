package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * The working matrices of one algorithm: allocated once, reused by every round, closed together. The parts of an algorithm keep what
 * they need in their caller's, so that nothing is left behind where memory runs out while they are made.
 */
final class Scratch implements AutoCloseable {
    private final Backend backend;
    private final Deque<Runnable> closing = new ArrayDeque<>();

    Scratch(Backend backend) {
        this.backend = backend;
    }

    /** A zero F32 matrix that lives as long as this. */
    Matrix f32(int rows, int cols) {
        return matrix(rows, cols, DType.F32);
    }

    /** A zero F64 matrix that lives as long as this. */
    Matrix f64(int rows, int cols) {
        return matrix(rows, cols, DType.F64);
    }

    /** A zero matrix that lives as long as this. */
    Matrix matrix(int rows, int cols, DType type) {
        return keep(backend.allocate(rows, cols, type));
    }

    /** An F32 copy that lives as long as this. */
    Matrix f32(Matrix source) {
        Matrix copy = f32(source.rows(), source.cols());
        backend.copy(source, copy);
        return copy;
    }

    /** An F64 copy that lives as long as this. */
    Matrix f64(Matrix source) {
        Matrix copy = f64(source.rows(), source.cols());
        backend.copy(source, copy);
        return copy;
    }

    /** Closes {@code matrix} with the others. */
    Matrix keep(Matrix matrix) {
        closing.push(matrix::close);
        return matrix;
    }

    /** Does this, too, when it is closed. */
    void closing(Runnable action) {
        closing.push(action);
    }

    @Override
    public void close() {
        while (!closing.isEmpty()) {
            closing.pop().run();
        }
    }
}
