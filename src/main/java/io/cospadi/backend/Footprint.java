package io.cospadi.backend;

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

    /** Codes without groups about: how many slots a row takes depends on its support (see {@code SlottedCodes}). */
    CUDA(DType.BF16, "cuBLAS bf16", Optional.of("cuSPARSE CSR bf16")) {
        @Override
        public long codes(int rows, int k, int s, int group) {
            int tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
            int slots = group == 0 ? s + s / LONG_GAPS : s;
            int units = (2 * slots + UNIT_BYTES - 1) / UNIT_BYTES;
            return (long) tiles * TILE_ROWS * (units * UNIT_BYTES + (group == 0 ? ROW_STARTS : 0));
        }
    };

    /** Of a GPU's codes: rows are filled up to a tile, a row's slots to a unit. */
    private static final int TILE_ROWS = 32;

    private static final int UNIT_BYTES = 16;

    /** Bytes that say where the 16 parts of a row begin. */
    private static final int ROW_STARTS = 32;

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
