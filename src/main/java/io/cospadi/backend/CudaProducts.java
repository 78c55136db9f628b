package io.cospadi.backend;

import io.cospadi.gpu.ArithmeticKernels;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.TransposeKernels;
import io.cospadi.tensor.DType;
import java.util.List;

/**
 * Dense products by cuBLAS. A row-major (r, c) matrix is a column-major (c, r) one, its transpose; so each product here is
 * asked for as its transpose, factors in the other order.
 */
final class CudaProducts {
    private final CudaCalls cuda;
    private final ArithmeticKernels arithmetic;
    private final TransposeKernels transposing;
    private final CudaWeightProducts weights;

    CudaProducts(CudaCalls cuda, CudaMemory memory) {
        this.cuda = cuda;
        arithmetic = new ArithmeticKernels(cuda);
        transposing = new TransposeKernels(cuda);
        weights = new CudaWeightProducts(cuda, memory);
    }

    /** As {@link LinearAlgebra#gemm}. */
    void gemm(
            double alpha,
            CudaMatrix a,
            boolean transposeA,
            CudaMatrix b,
            boolean transposeB,
            double beta,
            CudaMatrix c) {
        int inner = transposeA ? a.rows() : a.cols();
        if (c.elements() == 0) {
            return;
        }
        if (inner == 0) {
            scale(beta, c);
            return;
        }
        if (b.dtype() == DType.BF16) {
            weights.gemm(alpha, a, transposeA, b, transposeB, beta, c);
            return;
        }
        cuda.gemm(
                c.arithmetic(),
                transposeB,
                transposeA,
                c.cols(),
                c.rows(),
                inner,
                alpha,
                b.address(),
                b.cols(),
                a.address(),
                a.cols(),
                beta,
                c.address(),
                c.cols());
    }

    /** As {@link LinearAlgebra#multiplyWeights}. */
    void multiplyWeights(CudaMatrix x, List<CudaMatrix> all, List<CudaMatrix> out) {
        if (x.cols() > 0 && weights.takesTogether(x, all)) {
            weights.multiplyTogether(x, all, out);
            return;
        }
        for (int i = 0; i < all.size(); i++) {
            gemm(1, x, false, all.get(i), true, 0, out.get(i));
        }
    }

    private void scale(double beta, CudaMatrix c) {
        if (beta == 0) {
            cuda.zero(c.address(), c.bytes());
        } else {
            arithmetic.scale(c.dtype(), beta, c.address(), c.elements());
        }
    }

    /** As {@link LinearAlgebra#symmetricProduct}. */
    void symmetricProduct(CudaMatrix a, boolean transposed, CudaMatrix c) {
        int n = c.rows();
        int inner = transposed ? a.rows() : a.cols();
        if (n == 0 || inner == 0) {
            cuda.zero(c.address(), c.bytes());
            return;
        }
        cuda.symmetricProduct(
                c.arithmetic(), !transposed, n, inner, 1, a.address(), a.cols(), 0, c.address(), c.cols());
        // cuBLAS wrote the lower triangle column-major, which is the upper one here
        transposing.mirrorUpper(c.dtype(), c.address(), n);
    }
}
