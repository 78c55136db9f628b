package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;

/**
 * One intermediate matrix of the forward pass, kept between calls and grown when more rows are asked for. The row of a single token
 * has a place of its own, which never moves, as recordings know it.
 */
final class Workspace implements AutoCloseable {
    private final Backend backend;
    private final int cols;
    private Matrix single;
    private Matrix several;

    Workspace(Backend backend, int cols) {
        this.backend = backend;
        this.cols = cols;
    }

    /** The first {@code n} rows, contents undefined; valid until more rows are asked for, a single one until this is closed. */
    Matrix rows(int n) {
        if (n == 1) {
            if (single == null) {
                single = backend.allocate(1, cols, DType.F32);
            }
            return single.rows(0, 1);
        }
        if (several == null || several.rows() < n) {
            closeSeveral();
            several = backend.allocate(n, cols, DType.F32);
        }
        return several.rows(0, n);
    }

    private void closeSeveral() {
        if (several != null) {
            several.close();
            several = null;
        }
    }

    @Override
    public void close() {
        closeSeveral();
        if (single != null) {
            single.close();
            single = null;
        }
    }
}
