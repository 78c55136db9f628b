package io.cospadi.backend;

import io.cospadi.gpu.Arithmetic;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.DeviceProperties;
import io.cospadi.gpu.PackedGemvKernels;
import io.cospadi.gpu.PackedMmaKernels;
import io.cospadi.gpu.SlottedCodes;
import io.cospadi.gpu.StorageKernels;
import io.cospadi.tensor.DType;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Products with codes on a GPU: of few tokens slot by slot, of more on tensor cores, of many by cuBLAS on a copy of the codes with
 * all zeros, some rows at a time. What many tokens take meanwhile is a tile of memory for these and one for the tokens' terms.
 */
final class CudaCodeProducts {
    /** Up to so many tokens are multiplied slot by slot. */
    private static final int FEW_TOKENS = PackedGemvKernels.SHARING_TOKENS;

    /**
     * And up to so many by {@code packed_mma}. For gate of a Llama-3-8B at ratio 0.2 that takes an H100 170 us for 8 tokens and 384 for
     * 32; cuBLAS takes 45 for each of three products, and writing the codes out is not yet measured.
     */
    private static final int SOME_TOKENS = 16;

    private final CudaCalls cuda;
    private final CudaMemory memory;
    private final PackedGemvKernels packed;
    private final PackedMmaKernels tensor;
    private final CudaSplitProducts split;
    private final StorageKernels storage;

    CudaCodeProducts(CudaCalls cuda, CudaMemory memory) {
        this.cuda = cuda;
        this.memory = memory;
        DeviceProperties device = cuda.properties();
        packed = new PackedGemvKernels(cuda, device.multiprocessors(), device.sharedBytesOfBlock());
        tensor = new PackedMmaKernels(cuda, device.sharedBytesOfBlock());
        split = new CudaSplitProducts(cuda, memory);
        storage = new StorageKernels(cuda);
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
        if (z.rows() <= SOME_TOKENS && tensor.takes(codes.layout())) {
            tensor.multiply(codes.layout(), codes.words(), codes.starts(), z.address(), out.address(), z.rows(), add);
            return;
        }
        int pitch = CudaSplitProducts.pitch(codes.cols());
        int atOnce = rowsAtOnce(codes, (long) Arithmetic.BF16.bytes() * pitch);
        try (CudaBlock dense = memory.scratch((long) Arithmetic.BF16.bytes() * pitch * atOnce)) {
            split.forRows(z, rows -> {
                for (int from = 0; from < codes.rows(); from += atOnce) {
                    int count = Math.min(atOnce, codes.rows() - from);
                    packed.unpack(codes.layout(), codes.words(), codes.starts(), from, count, pitch, dense.address());
                    rows.multiply(1, dense.address(), pitch, true, pitch, add ? 1 : 0, out, from, count);
                }
            });
        }
    }

    /** As {@link DecoderVerbs#multiplyRebuilt}: W in rows of output features, each of which makes a column of out. */
    void multiplyRebuilt(CudaMatrix x, CudaMatrix dictionary, CudaCodes codes, boolean add, CudaMatrix out) {
        if (out.elements() == 0) {
            return;
        }
        int d1 = x.cols();
        int k = codes.cols();
        int pitch = CudaSplitProducts.pitch(k);
        Arithmetic factors = dictionary.isF32() ? Arithmetic.F32 : Arithmetic.BF16;
        long wideRow = dictionary.isF32() ? (long) Float.BYTES * pitch : 0;
        long denseRow = (long) Arithmetic.BF16.bytes() * pitch;
        long weightRow = (long) Float.BYTES * d1;
        int atOnce = rowsAtOnce(codes, denseRow + wideRow + weightRow);
        try (CudaBlock dense = memory.scratch(denseRow * atOnce);
                CudaBlock wide = memory.scratch(wideRow * atOnce);
                CudaBlock weight = memory.scratch(weightRow * atOnce)) {
            for (int from = 0; from < codes.rows(); from += atOnce) {
                int count = Math.min(atOnce, codes.rows() - from);
                packed.unpack(codes.layout(), codes.words(), codes.starts(), from, count, pitch, dense.address());
                if (dictionary.isF32()) {
                    storage.convert(DType.BF16, dense.address(), DType.F32, wide.address(), (long) count * pitch);
                }
                long written = (dictionary.isF32() ? wide : dense).address();
                cuda.gemm(
                        factors,
                        false,
                        false,
                        d1,
                        count,
                        k,
                        1,
                        dictionary.address(),
                        d1,
                        written,
                        pitch,
                        0,
                        weight.address(),
                        d1);
                cuda.gemm(
                        Arithmetic.F32,
                        true,
                        false,
                        count,
                        x.rows(),
                        d1,
                        1,
                        weight.address(),
                        d1,
                        x.address(),
                        d1,
                        add ? 1 : 0,
                        out.address() + 4L * from,
                        out.cols());
            }
        }
    }

    /** Rows of codes that a tile of memory has room for, whole tiles of codes. */
    private static int rowsAtOnce(CudaCodes codes, long rowBytes) {
        int tile = SlottedCodes.TILE_ROWS;
        int fitting = (int) Math.min(codes.rows(), CudaMemory.TILE_BYTES / rowBytes);
        return Math.max(tile, fitting / tile * tile);
    }
}
