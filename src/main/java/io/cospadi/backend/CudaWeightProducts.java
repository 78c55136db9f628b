package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.DenseGemvKernels;
import io.cospadi.tensor.DType;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Products with weights that lie in bf16 on a GPU: exact in the weight, f32 in all else. On GPUs for consumers, whose f32 is fast beside
 * their bf16, many tokens would be faster by f32 products of a widened weight; nothing of this has run there.
 */
final class CudaWeightProducts {
    /** Up to so many tokens the weight is read once for each, mostly from the cache. */
    private static final int FEW_TOKENS = 4;

    private final DenseGemvKernels fewTokens;
    private final CudaSplitProducts manyTokens;

    CudaWeightProducts(CudaCalls cuda, CudaMemory memory) {
        fewTokens = new DenseGemvKernels(cuda, cuda.properties().multiprocessors());
        manyTokens = new CudaSplitProducts(cuda, memory);
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

    /** {@link LinearAlgebra#gemm} with b in bf16: read as it is, by few tokens and by many. */
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
        manyTokens.forRows(
                a, rows -> rows.multiply(alpha, b.address(), b.cols(), transposeB, a.cols(), beta, c, 0, c.cols()));
    }
}
