package io.cospadi.backend;

import io.cospadi.gpu.Arithmetic;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.DeviceProperties;
import io.cospadi.gpu.PackedGemvKernels;
import io.cospadi.gpu.PackedMmaKernels;
import io.cospadi.gpu.SlottedCodes;
import java.util.List;
import java.util.stream.IntStream;

/** Products with codes on a GPU: of few tokens slot by slot, of more on tensor cores, of many by a dense copy of some rows. */
final class CudaCodeProducts {
    /** Up to so many tokens are multiplied slot by slot. */
    private static final int FEW_TOKENS = PackedGemvKernels.SHARING_TOKENS;

    private final CudaCalls cuda;
    private final CudaMemory memory;
    private final PackedGemvKernels packed;
    private final PackedMmaKernels tensor;

    CudaCodeProducts(CudaCalls cuda, CudaMemory memory) {
        this.cuda = cuda;
        this.memory = memory;
        DeviceProperties device = cuda.properties();
        packed = new PackedGemvKernels(cuda, device.multiprocessors(), device.sharedBytesOfBlock());
        tensor = new PackedMmaKernels(cuda, device.sharedBytesOfBlock());
    }

    private static PackedGemvKernels.Product product(CudaMatrix z, CudaCodes codes, CudaMatrix out) {
        return new PackedGemvKernels.Product(codes.layout(), codes.words(), codes.starts(), z.address(), out.address());
    }

    /** As {@link DecoderVerbs#multiplyCodes(List, List, List)}. */
    void multiply(List<CudaMatrix> z, List<CudaCodes> codes, List<CudaMatrix> out) {
        int count = codes.size();
        if (count <= PackedGemvKernels.MOST_PRODUCTS
                && z.stream().allMatch(token -> token.rows() == 1)
                && codes.stream().allMatch(all -> packed.takes(all.layout()))) {
            List<PackedGemvKernels.Product> products = IntStream.range(0, count)
                    .mapToObj(i -> product(z.get(i), codes.get(i), out.get(i)))
                    .toList();
            packed.multiply(products, 1, false);
            return;
        }
        for (int i = 0; i < count; i++) {
            multiply(z.get(i), codes.get(i), false, out.get(i));
        }
    }

    /** As {@link DecoderVerbs#multiplyCodes}. */
    void multiply(CudaMatrix z, CudaCodes codes, boolean add, CudaMatrix out) {
        if (out.elements() == 0) {
            return;
        }
        if (z.rows() <= FEW_TOKENS && packed.takes(codes.layout())) {
            packed.multiply(List.of(product(z, codes, out)), z.rows(), add);
            return;
        }
        if (z.rows() <= PackedMmaKernels.MOST_TOKENS && tensor.takes(codes.layout())) {
            tensor.multiply(codes.layout(), codes.words(), codes.starts(), z.address(), out.address(), z.rows(), add);
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
