package io.cospadi.backend;

import io.cospadi.gpu.Arithmetic;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.DenseGemvKernels;
import io.cospadi.gpu.StorageKernels;
import io.cospadi.tensor.DType;
import java.util.List;
import java.util.stream.IntStream;

/** Products with weights that lie in bf16 on a GPU: exact in the weight, f32 in all else. */
final class CudaWeightProducts {
    /** Up to so many tokens the weight is read once for each, mostly from the cache; widening moves five times its bytes. */
    private static final int FEW_TOKENS = 4;

    private final CudaCalls cuda;
    private final CudaMemory memory;
    private final StorageKernels storage;
    private final DenseGemvKernels fewTokens;

    CudaWeightProducts(CudaCalls cuda, CudaMemory memory) {
        this.cuda = cuda;
        this.memory = memory;
        storage = new StorageKernels(cuda);
        fewTokens = new DenseGemvKernels(cuda, cuda.properties().multiprocessors());
    }

    private static DenseGemvKernels.Product product(CudaMatrix weight, CudaMatrix out) {
        return new DenseGemvKernels.Product(weight.address(), out.address(), weight.rows());
    }

    /** Whether one launch takes all of them: few tokens, weights in bf16. */
    boolean takesTogether(CudaMatrix x, List<CudaMatrix> weights) {
        return x.rows() <= FEW_TOKENS
                && weights.size() <= DenseGemvKernels.MOST_PRODUCTS
                && DenseGemvKernels.takes(x.cols())
                && weights.stream().allMatch(weight -> weight.dtype() == DType.BF16);
    }

    /** {@link LinearAlgebra#multiplyWeights} of what it {@link #takesTogether}. */
    void multiplyTogether(CudaMatrix x, List<CudaMatrix> weights, List<CudaMatrix> out) {
        List<DenseGemvKernels.Product> products = IntStream.range(0, weights.size())
                .mapToObj(i -> product(weights.get(i), out.get(i)))
                .toList();
        fewTokens.multiply(1, x.address(), products, 0, x.rows(), x.cols());
    }

    /** {@link LinearAlgebra#gemm} with b in bf16: read as it is by few tokens, for many widened, some of its rows at a time. */
    void gemm(
            double alpha,
            CudaMatrix a,
            boolean transposeA,
            CudaMatrix b,
            boolean transposeB,
            double beta,
            CudaMatrix c) {
        if (transposeA) {
            throw new IllegalArgumentException(
                    "a weight in bf16 is multiplied by rows, got " + a.shape() + " transposed");
        }
        if (transposeB && a.rows() <= FEW_TOKENS && DenseGemvKernels.takes(b.cols())) {
            fewTokens.multiply(alpha, a.address(), List.of(product(b, c)), beta, a.rows(), b.cols());
            return;
        }
        int rowsAtOnce = (int) Math.max(1, Math.min(b.rows(), CudaMemory.TILE_BYTES / (4L * b.cols())));
        try (CudaBlock wide = memory.scratch(4L * rowsAtOnce * b.cols())) {
            for (int from = 0; from < b.rows(); from += rowsAtOnce) {
                int count = Math.min(rowsAtOnce, b.rows() - from);
                storage.convert(
                        DType.BF16,
                        b.address() + 2L * from * b.cols(),
                        DType.F32,
                        wide.address(),
                        (long) count * b.cols());
                if (transposeB) {
                    // these rows make columns from .. from + count - 1 of c
                    multiply(true, count, a.rows(), a.cols(), alpha, wide, b, a.address(), a, beta, 4L * from, c);
                } else {
                    // these rows meet columns from .. from + count - 1 of a, and add up
                    long part = a.address() + 4L * from;
                    multiply(false, b.cols(), a.rows(), count, alpha, wide, b, part, a, from == 0 ? beta : 1, 0, c);
                }
            }
        }
    }

    private void multiply(
            boolean transposeWide,
            int m,
            int n,
            int inner,
            double alpha,
            CudaBlock wide,
            CudaMatrix b,
            long aAddress,
            CudaMatrix a,
            double beta,
            long offset,
            CudaMatrix c) {
        cuda.gemm(
                Arithmetic.F32,
                transposeWide,
                false,
                m,
                n,
                inner,
                alpha,
                wide.address(),
                b.cols(),
                aAddress,
                a.cols(),
                beta,
                c.address() + offset,
                c.cols());
    }
}
