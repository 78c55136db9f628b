package io.cospadi.backend;

import io.cospadi.tensor.DType;
import io.cospadi.tensor.HostMatrix;
import java.util.Random;

/** Inputs of the benchmarks: standard normal matrices, and dictionaries of unit atoms with what sparse coding needs of them. */
public final class BenchmarkMatrices {
    private final Backend backend;
    private final Random random = new Random(42);

    public BenchmarkMatrices(Backend backend) {
        this.backend = backend;
    }

    /** Standard normal, F32. */
    public Matrix normal(int rows, int cols) {
        float[] values = new float[rows * cols];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return backend.upload(new HostMatrix(rows, cols, values));
    }

    /** k random atoms of unit length. */
    public Matrix atoms(int k, int d1) {
        Matrix atoms = normal(k, d1);
        try (Matrix norms = backend.allocate(1, k, DType.F32)) {
            backend.rowDots(atoms, atoms, norms);
            backend.power(norms, -0.5, norms);
            backend.scaleRows(atoms, norms);
        }
        return atoms;
    }

    /** Throws unless the two are equal within a share of the larger norm: nothing wrong is timed. */
    public void verify(Matrix expected, Matrix actual, String what) {
        try (Matrix difference = backend.allocate(expected.rows(), expected.cols(), DType.F32)) {
            backend.copy(expected, difference);
            backend.axpy(-1, actual, difference);
            double off = Math.sqrt(backend.dot(difference, difference) / backend.dot(expected, expected));
            if (!(off < 1e-5)) {
                throw new IllegalStateException(what + " is off by " + off + " of its norm");
            }
        }
    }
}
