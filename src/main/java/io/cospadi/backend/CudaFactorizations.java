package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.ReductionKernels;
import io.cospadi.gpu.SquareKernels;
import io.cospadi.gpu.TransposeKernels;
import java.nio.ByteBuffer;

/**
 * Cholesky factors and eigenvectors by cuSOLVER. A row-major lower triangle is a column-major upper one; Cholesky's is turned
 * over for cuSOLVER and back, as it is much faster on a lower one.
 */
final class CudaFactorizations {
    private static final int OUTCOME_BYTES = Double.BYTES + Integer.BYTES;

    private final CudaCalls cuda;
    private final CudaMemory memory;
    private final SquareKernels squares;
    private final TransposeKernels transposing;
    private final ReductionKernels reductions;

    CudaFactorizations(CudaCalls cuda, CudaMemory memory) {
        this.cuda = cuda;
        this.memory = memory;
        squares = new SquareKernels(cuda);
        transposing = new TransposeKernels(cuda);
        reductions = new ReductionKernels(cuda);
    }

    /** As {@link LinearAlgebra#cholesky}. */
    boolean cholesky(CudaMatrix matrix) {
        int n = matrix.rows();
        if (n == 0) {
            return true;
        }
        long bytes = cuda.choleskyWorkspace(matrix.arithmetic(), n, matrix.address(), n);
        try (CudaBlock workspace = memory.scratch(bytes);
                CudaBlock outcome = memory.scratch(OUTCOME_BYTES)) {
            transposing.mirrorLower(matrix.dtype(), matrix.address(), n);
            cuda.cholesky(matrix.arithmetic(), n, matrix.address(), n, workspace.address(), bytes, info(outcome));
            transposing.mirrorUpper(matrix.dtype(), matrix.address(), n);
            squares.clearUpper(matrix.dtype(), matrix.address(), n);
            return succeeded(matrix, outcome);
        }
    }

    /** Where cuSOLVER says how it ended, in an outcome: behind the least element of the diagonal. */
    private static long info(CudaBlock outcome) {
        return outcome.address() + Double.BYTES;
    }

    /**
     * Whether cuSOLVER ended well. It finds nothing wrong with NaN, but whatever it touches reaches the last row of the factor's
     * diagonal. Waits for the device once.
     */
    private boolean succeeded(CudaMatrix factor, CudaBlock outcome) {
        try (CudaBlock diagonal = memory.scratch((long) factor.dtype().bytes() * factor.rows());
                CudaBlock partials = memory.scratch((long) Double.BYTES * ReductionKernels.SCRATCH_DOUBLES)) {
            squares.diagonal(factor.dtype(), factor.address(), diagonal.address(), factor.rows());
            reductions.smallest(
                    factor.dtype(), diagonal.address(), factor.rows(), partials.address(), outcome.address());
            ByteBuffer read = memory.read(outcome.address(), OUTCOME_BYTES);
            return read.getInt(Double.BYTES) == 0 && !Double.isNaN(read.getDouble(0));
        }
    }

    /** As {@link LinearAlgebra#eigenSymmetric}. */
    double[] eigenSymmetric(CudaMatrix matrix) {
        int n = matrix.rows();
        double[] values = new double[n];
        if (n == 0) {
            return values;
        }
        int width = matrix.dtype().bytes();
        try (CudaBlock eigenvalues = memory.scratch((long) width * n);
                CudaBlock outcome = memory.scratch(OUTCOME_BYTES)) {
            long bytes = cuda.eigenWorkspace(matrix.arithmetic(), n, matrix.address(), n, eigenvalues.address());
            try (CudaBlock workspace = memory.scratch(bytes)) {
                cuda.eigenSymmetric(
                        matrix.arithmetic(),
                        n,
                        matrix.address(),
                        n,
                        eigenvalues.address(),
                        workspace.address(),
                        bytes,
                        info(outcome));
            }
            if (!succeeded(matrix, outcome)) {
                throw new ArithmeticException("no convergence in the eigendecomposition of " + matrix.shape());
            }
            squares.fixSigns(matrix.dtype(), matrix.address(), n);
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
}
