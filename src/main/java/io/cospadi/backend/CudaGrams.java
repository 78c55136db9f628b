package io.cospadi.backend;

import io.cospadi.gpu.Arithmetic;
import io.cospadi.gpu.ArithmeticKernels;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.StorageKernels;
import io.cospadi.gpu.TransposeKernels;
import io.cospadi.tensor.DType;

/**
 * Gram matrices of f32 tokens, added up in f64. Where the device has fast doubles, a chunk of tokens is widened to f64 and
 * multiplied so. Other GPUs, those for consumers, do f64 at a 32nd or 64th of f32's rate: there a chunk is cut into bf16 terms,
 * which tensor cores multiply exactly and sum in f32 ({@link CudaSplitProducts.Rows#gram}), a strip of the upper triangle at a
 * time, and only the chunks are added up in f64. Six products of a triangle at bf16's rate instead of one in f64; not yet
 * measured. Products below f32's smallest number are lost there, and what f32 can't hold becomes infinite or NaN.
 */
final class CudaGrams {
    /**
     * Tokens of a chunk in terms. Six products of it are 6144 operations an element of the Gram, and 68 bytes, of f32 sums that
     * are read and written each time and f64 ones that are once: 90 a byte, about what an RTX 3090 does by its data sheet (71
     * TFLOP/s, 0.94 TB/s); an RTX 4090, with 165 TFLOP/s, has a cache for a strip's sums. More tokens would make f32's error,
     * which grows with their number, larger than it has to be.
     */
    private static final int TOKENS = 512;

    /** Rows of a strip: enough to fill a GPU, few beside those below the diagonal, which are spared. */
    private static final int ROWS = 1024;

    private final boolean fastDoubles;
    private final CudaCalls cuda;
    private final CudaMemory memory;
    private final long scratchBytes;
    private final ArithmeticKernels arithmetic;
    private final StorageKernels storage;
    private final TransposeKernels transposing;
    private final CudaSplitProducts split;

    /** @param scratchBytes what a call works in at most; chunks and strips, and so the order of sums, follow from it */
    CudaGrams(CudaCalls cuda, CudaMemory memory, long scratchBytes) {
        this.cuda = cuda;
        this.memory = memory;
        this.scratchBytes = scratchBytes;
        fastDoubles = cuda.properties().fullRateDoubles();
        arithmetic = new ArithmeticKernels(cuda);
        storage = new StorageKernels(cuda);
        transposing = new TransposeKernels(cuda);
        split = new CudaSplitProducts(cuda, memory);
    }

    /** As {@link LinearAlgebra#gramPrecision}. */
    DType precision() {
        return fastDoubles ? DType.F64 : DType.F32;
    }

    /** As {@link LinearAlgebra#addGram}. */
    void add(CudaMatrix x, CudaMatrix gram) {
        if (gram.rows() == 0 || x.rows() == 0) {
            return;
        }
        if (fastDoubles) {
            addWidened(x, gram);
        } else {
            addInTerms(x, gram);
        }
        transposing.mirrorUpper(DType.F64, gram.address(), gram.rows());
    }

    /** In the upper triangle: cuBLAS writes the lower one column-major. */
    private void addWidened(CudaMatrix x, CudaMatrix gram) {
        int d = gram.rows();
        int rowsAtOnce = (int) Math.max(1, Math.min(x.rows(), scratchBytes / (8L * d)));
        try (CudaBlock wide = memory.scratch(8L * d * rowsAtOnce)) {
            for (int from = 0; from < x.rows(); from += rowsAtOnce) {
                int count = Math.min(rowsAtOnce, x.rows() - from);
                storage.convert(DType.F32, x.address() + 4L * from * d, DType.F64, wide.address(), (long) count * d);
                cuda.symmetricProduct(Arithmetic.F64, false, d, count, 1, wide.address(), d, 1, gram.address(), d);
            }
        }
    }

    /** In the upper triangle, and below it in the squares where strips meet the diagonal. */
    private void addInTerms(CudaMatrix x, CudaMatrix gram) {
        int d = gram.rows();
        int pitch = CudaSplitProducts.pitch(d);
        int tokens = Math.min(TOKENS, CudaSplitProducts.rowsWithin(scratchBytes / 2, d));
        // a multiple of 8, which keeps tensor cores on 16-byte boundaries
        int rows = (int) Math.max(8, Math.min(ROWS, scratchBytes / 2 / (4L * pitch) / 8 * 8));
        try (CudaBlock sums = memory.scratch(4L * Math.min(rows, d) * pitch)) {
            split.forRows(x, tokens, chunk -> {
                for (int first = 0; first < d; first += rows) {
                    int height = Math.min(rows, d - first);
                    chunk.gram(first, height, sums.address());
                    long corner = gram.address() + 8 * ((long) first * d + first);
                    arithmetic.addToDoubles(sums.address(), pitch, corner, d, height, d - first);
                }
            });
        }
    }
}
