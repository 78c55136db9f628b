package io.cospadi.backend;

import static io.cospadi.backend.OpenBlas.COLUMN_MAJOR;

import io.cospadi.tensor.DType;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas_full;

/** Symmetric eigenproblems by divide and conquer (LAPACK ssyevd, dsyevd). */
final class SymmetricEigen {
    private final Workers workers;

    SymmetricEigen(Workers workers) {
        this.workers = workers;
    }

    /** LAPACK's columns, column-major, are our rows; its lower triangle, the faster one to reduce, is our upper one. */
    double[] decompose(NativeMatrix matrix) {
        int n = matrix.rows();
        double[] values = new double[n];
        if (n == 0) {
            return values;
        }
        int info = matrix.isF32() ? single(matrix, values) : wide(matrix, values);
        if (info != 0) {
            throw new ArithmeticException("eigendecomposition of " + matrix.shape()
                    + (info > 0 ? " did not converge" : " was given a NaN") + " (LAPACK info " + info + ")");
        }
        workers.run(n, (row, scratch) -> fixSign(matrix, row, scratch));
        return values;
    }

    private static int single(NativeMatrix matrix, double[] values) {
        int n = matrix.rows();
        try (FloatPointer found = new FloatPointer(n)) {
            int info =
                    openblas_full.LAPACKE_ssyevd(COLUMN_MAJOR, (byte) 'V', (byte) 'L', n, matrix.floats(0), n, found);
            float[] narrow = new float[n];
            found.get(narrow);
            for (int i = 0; i < n; i++) {
                values[i] = narrow[i];
            }
            return info;
        }
    }

    private static int wide(NativeMatrix matrix, double[] values) {
        int n = matrix.rows();
        try (DoublePointer found = new DoublePointer(n)) {
            int info =
                    openblas_full.LAPACKE_dsyevd(COLUMN_MAJOR, (byte) 'V', (byte) 'L', n, matrix.doubles(0), n, found);
            found.get(values);
            return info;
        }
    }

    private static void fixSign(NativeMatrix matrix, int row, Scratch scratch) {
        int n = matrix.cols();
        long at = (long) row * n;
        if (matrix.dtype() == DType.F32) {
            float[] vector = scratch.floats(0, n);
            matrix.get(at, vector, n);
            int largest = 0;
            for (int j = 1; j < n; j++) {
                if (Math.abs(vector[j]) > Math.abs(vector[largest])) {
                    largest = j;
                }
            }
            if (vector[largest] < 0) {
                for (int j = 0; j < n; j++) {
                    vector[j] = -vector[j];
                }
                matrix.put(at, vector, n);
            }
        } else {
            double[] vector = scratch.doubles(0, n);
            matrix.get(at, vector, n);
            int largest = 0;
            for (int j = 1; j < n; j++) {
                if (Math.abs(vector[j]) > Math.abs(vector[largest])) {
                    largest = j;
                }
            }
            if (vector[largest] < 0) {
                for (int j = 0; j < n; j++) {
                    vector[j] = -vector[j];
                }
                matrix.put(at, vector, n);
            }
        }
    }
}
