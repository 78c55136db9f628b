package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.ReductionKernels;
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
    private final ReductionKernels reductions;

    CudaFactorizations(CudaCalls cuda, CudaMemory memory) {
        this.cuda = cuda;
        this.memory = memory;
        squares = new SquareKernels(cuda);
        transposing = new TransposeKernels(cuda);
        reductions = new ReductionKernels(cuda);
    }

    private boolean succeeded(CudaBlock info) {
        int[] code = new int[1];
        memory.read(info.address(), code);
        return code[0] == 0;
    }

    /** As {@link LinearAlgebra#cholesky}. */
    boolean cholesky(CudaMatrix matrix) {
        int n = matrix.rows();
        if (n == 0) {
            return true;
        }
        long bytes = cuda.choleskyWorkspace(matrix.arithmetic(), n, matrix.address(), n);
        try (CudaBlock workspace = memory.scratch(bytes);
                CudaBlock info = memory.scratch(Integer.BYTES)) {
            transposing.mirrorLower(matrix.dtype(), matrix.address(), n);
            cuda.cholesky(matrix.arithmetic(), n, matrix.address(), n, workspace.address(), bytes, info.address());
            transposing.mirrorUpper(matrix.dtype(), matrix.address(), n);
            squares.clearUpper(matrix.dtype(), matrix.address(), n);
            return succeeded(info) && !hasNan(matrix);
        }
    }

    /** cuSOLVER finds nothing wrong with NaN, but whatever it touches reaches the last row of the factor's diagonal. */
    private boolean hasNan(CudaMatrix factor) {
        try (CudaBlock diagonal = memory.scratch((long) factor.dtype().bytes() * factor.rows());
                CudaBlock partials = memory.scratch((long) Double.BYTES * ReductionKernels.SCRATCH_DOUBLES);
                CudaBlock least = memory.scratch(Double.BYTES)) {
            squares.diagonal(factor.dtype(), factor.address(), diagonal.address(), factor.rows());
            reductions.smallest(factor.dtype(), diagonal.address(), factor.rows(), partials.address(), least.address());
            double[] value = new double[1];
            memory.read(least.address(), value);
            return Double.isNaN(value[0]);
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
                CudaBlock info = memory.scratch(Integer.BYTES)) {
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
                        info.address());
            }
            if (!succeeded(info) || hasNan(matrix)) {
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
