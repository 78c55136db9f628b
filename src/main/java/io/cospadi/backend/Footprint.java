package io.cospadi.backend;

import io.cospadi.gpu.SlottedCodes;
import io.cospadi.tensor.DType;
import java.util.Optional;

/** What weights and codes take in a backend's memory, told from their shapes alone, without the backend. */
public enum Footprint {
    CPU(DType.F32, "OpenBLAS f32", Optional.empty()) {
        @Override
        public long codes(int rows, int k, int s, int group) {
            return PackedCodeMatrix.bytes(rows, k);
        }
    },

    /** Codes without groups about: how many slots a row takes depends on its support (see {@link SlottedCodes}, whose rows are filled up to a tile, and
     * a row's slots to a unit). */
    CUDA(DType.BF16, "cuBLAS bf16", Optional.of("cuSPARSE CSR bf16")) {
        @Override
        public long codes(int rows, int k, int s, int group) {
            int filled = (rows + SlottedCodes.TILE_ROWS - 1) / SlottedCodes.TILE_ROWS * SlottedCodes.TILE_ROWS;
            int slots = group == 0 ? s + s / LONG_GAPS : s;
            int units = (Short.BYTES * slots + SlottedCodes.UNIT_BYTES - 1) / SlottedCodes.UNIT_BYTES;
            return (long) filled * (units * SlottedCodes.UNIT_BYTES + (group == 0 ? ROW_STARTS : 0));
        }
    };

    /** Bytes that say where the parts of a row begin. */
    private static final int ROW_STARTS = Short.BYTES * SlottedCodes.PARTS;

    /** One slot more in 16 goes to gaps that 2 bits don't hold, where the support is random. */
    private static final int LONG_GAPS = 16;

    private final DType weightType;
    private final String dense;
    private final Optional<String> sparse;

    Footprint(DType weightType, String dense, Optional<String> sparse) {
        this.weightType = weightType;
        this.dense = dense;
        this.sparse = sparse;
    }

    /** Bytes of codes (rows, k) with s nonzeros a row, in groups of {@code group} atoms or, with 0, anywhere. */
    public abstract long codes(int rows, int k, int s, int group);

    /** Bytes of a dense weight that storage holds in bf16. */
    public long weight(int rows, int cols) {
        return (long) weightType.bytes() * rows * cols;
    }

    /** As {@link VendorProducts#dense}. */
    public String dense() {
        return dense;
    }

    /** As {@link VendorProducts#sparse}. */
    public Optional<String> sparse() {
        return sparse;
    }
}
