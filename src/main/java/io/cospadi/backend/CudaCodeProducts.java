package io.cospadi.backend;

import io.cospadi.gpu.Arithmetic;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.PackedGemvKernels;
import io.cospadi.gpu.PackedMmaKernels;
import io.cospadi.gpu.SlottedCodes;

/** Products with codes on a GPU: a token or a few read the packed codes, many a dense copy of some rows at a time. */
final class CudaCodeProducts {
    /** Up to so many tokens share one reading of the codes (not yet measured where dense copies win). */
    private static final int FEW_TOKENS = PackedMmaKernels.MOST_TOKENS;

    /** Up to so many tokens each reads the codes for itself where too many atoms keep them from sharing it. */
    private static final int FEW_READINGS = 8;

    private final CudaCalls cuda;
    private final CudaMemory memory;
    private final PackedGemvKernels packed;
    private final PackedMmaKernels shared;

    CudaCodeProducts(CudaCalls cuda, CudaMemory memory) {
        this.cuda = cuda;
        this.memory = memory;
        packed = new PackedGemvKernels(cuda, cuda.properties().multiprocessors());
        shared = new PackedMmaKernels(cuda);
    }

    /** As {@link DecoderVerbs#multiplyCodes}. */
    void multiply(CudaMatrix z, CudaCodes codes, boolean add, CudaMatrix out) {
        if (out.elements() == 0) {
            return;
        }
        boolean sharing = z.rows() > 1 && z.rows() <= FEW_TOKENS && PackedMmaKernels.takes(codes.layout());
        if (sharing) {
            shared.multiply(codes.layout(), codes.words(), codes.starts(), z.address(), out.address(), z.rows(), add);
            return;
        }
        if (z.rows() <= FEW_READINGS) {
            packed.multiply(codes.layout(), codes.words(), codes.starts(), z.address(), out.address(), z.rows(), add);
            return;
        }
        int k = codes.cols();
        int tile = SlottedCodes.TILE_ROWS;
        int fitting = (int) Math.min(codes.rows(), CudaMemory.TILE_BYTES / Math.max(1, 4L * k));
        int rowsAtOnce = Math.max(tile, fitting / tile * tile);
        try (CudaBlock dense = memory.scratch(4L * k * rowsAtOnce)) {
            for (int from = 0; from < codes.rows(); from += rowsAtOnce) {
                int count = Math.min(rowsAtOnce, codes.rows() - from);
                packed.unpack(codes.layout(), codes.words(), codes.starts(), from, count, dense.address());
                cuda.gemm(
                        Arithmetic.F32,
                        true,
                        false,
                        count,
                        z.rows(),
                        k,
                        1,
                        dense.address(),
                        k,
                        z.address(),
                        k,
                        add ? 1 : 0,
                        out.address() + 4L * from,
                        out.cols());
            }
        }
    }
}
