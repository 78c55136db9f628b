package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.SquareKernels;
import io.cospadi.gpu.TransposeKernels;

/**
 * Cholesky factors and eigenvectors by cuSOLVER. A row-major lower triangle is a column-major upper one; Cholesky's is turned
 * over for cuSOLVER and back, as it is much faster on a lower one.
 */
final class CudaFactorizations {
    private final CudaCalls cuda;
    private final CudaMemory memory;
    private final SquareKernels squares;
    private final TransposeKernels transposing;

    CudaFactorizations(CudaCalls cuda, CudaMemory memory) {
        this.cuda = cuda;
        this.memory = memory;
        squares = new SquareKernels(cuda);
        transposing = new TransposeKernels(cuda);
    }

    /** As {@link LinearAlgebra#cholesky}. */
    boolean cholesky(CudaMatrix matrix) {
        if (matrix.rows() == 0) {
            return true;
        }
        try (CudaBlock failed = memory.scratch(Double.BYTES)) {
            factor(matrix, failed.address());
            return isZero(failed);
        }
    }

    /** As {@link LinearAlgebra#cholesky(Matrix, Matrix)}. */
    void cholesky(CudaMatrix matrix, CudaMatrix failed) {
        if (matrix.rows() == 0) {
            cuda.zero(failed.address(), failed.bytes());
        } else {
            factor(matrix, failed.address());
        }
    }

    private void factor(CudaMatrix matrix, long failed) {
        int n = matrix.rows();
        long bytes = cuda.choleskyWorkspace(matrix.arithmetic(), n, matrix.address(), n);
        try (CudaBlock workspace = memory.scratch(bytes);
                CudaBlock info = memory.scratch(Integer.BYTES)) {
            transposing.mirrorLower(matrix.dtype(), matrix.address(), n);
            cuda.cholesky(matrix.arithmetic(), n, matrix.address(), n, workspace.address(), bytes, info.address());
            transposing.mirrorUpper(matrix.dtype(), matrix.address(), n);
            squares.clearUpper(matrix.dtype(), matrix.address(), n);
            // cuSOLVER finds nothing wrong with NaN, but whatever it touches reaches the last row of the factor's
            // diagonal
            squares.outcome(matrix.dtype(), matrix.address(), info.address(), failed, n);
        }
    }

    /** Waits for the device. */
    private boolean isZero(CudaBlock number) {
        double[] value = new double[1];
        memory.read(number.address(), value);
        return value[0] == 0;
    }

    /** As {@link LinearAlgebra#eigenSymmetric}. */
    double[] eigenSymmetric(CudaMatrix matrix) {
        int n = matrix.rows();
        double[] values = new double[n];
        if (n == 0) {
            return values;
        }
        try (CudaBlock eigenvalues = memory.scratch((long) matrix.dtype().bytes() * n);
                CudaBlock failed = memory.scratch(Double.BYTES)) {
            diagonalize(matrix, eigenvalues, failed.address());
            if (!isZero(failed)) {
                throw new ArithmeticException("no convergence in the eigendecomposition of " + matrix.shape());
            }
            if (matrix.isF32()) {
                float[] singles = new float[n];
                memory.read(eigenvalues.address(), singles);
                for (int i = 0; i < n; i++) {
                    values[i] = singles[i];
                }
            } else {
                memory.read(eigenvalues.address(), values);
            }
            return values;
        }
    }

    /** As {@link LinearAlgebra#eigenvectors}. */
    void eigenvectors(CudaMatrix matrix, CudaMatrix failed) {
        if (matrix.rows() == 0) {
            cuda.zero(failed.address(), failed.bytes());
            return;
        }
        try (CudaBlock eigenvalues = memory.scratch((long) matrix.dtype().bytes() * matrix.rows())) {
            diagonalize(matrix, eigenvalues, failed.address());
        }
    }

    private void diagonalize(CudaMatrix matrix, CudaBlock eigenvalues, long failed) {
        int n = matrix.rows();
        long bytes = cuda.eigenWorkspace(matrix.arithmetic(), n, matrix.address(), n, eigenvalues.address());
        try (CudaBlock info = memory.scratch(Integer.BYTES);
                CudaBlock workspace = memory.scratch(bytes)) {
            cuda.eigenSymmetric(
                    matrix.arithmetic(),
                    n,
                    matrix.address(),
                    n,
                    eigenvalues.address(),
                    workspace.address(),
                    bytes,
                    info.address());
            squares.outcome(matrix.dtype(), matrix.address(), info.address(), failed, n);
            squares.fixSigns(matrix.dtype(), matrix.address(), n);
        }
    }
}
