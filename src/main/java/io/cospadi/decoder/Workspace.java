package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;

/** One intermediate matrix of the forward pass, kept between calls and grown when more rows are asked for. */
final class Workspace implements AutoCloseable {
    private final Backend backend;
    private final int cols;
    private Matrix matrix;
    private int generation;

    Workspace(Backend backend, int cols) {
        this.backend = backend;
        this.cols = cols;
    }

    /** The first {@code n} rows, contents undefined; valid until more rows are asked for. */
    Matrix rows(int n) {
        if (matrix == null || matrix.rows() < n) {
            close();
            matrix = backend.allocate(n, cols, DType.F32);
            generation++;
        }
        return matrix.rows(0, n);
    }

    /** How often the matrix has moved. */
    int generation() {
        return generation;
    }

    @Override
    public void close() {
        if (matrix != null) {
            matrix.close();
            matrix = null;
        }
    }
}
