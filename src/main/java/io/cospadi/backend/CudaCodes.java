package io.cospadi.backend;

import io.cospadi.gpu.SlottedCodes;
import io.cospadi.tensor.Codes;

/** Codes in a GPU's memory as {@link SlottedCodes}. */
final class CudaCodes implements SparseMatrix {
    private final SlottedCodes shape;
    private final int perRow;
    private final CudaBlock block;

    CudaCodes(Codes codes, CudaMemory memory) {
        shape = new SlottedCodes(codes);
        perRow = codes.s();
        long wordBytes = wordBytes();
        block = memory.zeroed(wordBytes + (long) Short.BYTES * shape.starts().length);
        memory.write(block.address(), shape.words());
        memory.write(block.address() + wordBytes, shape.starts());
    }

    private CudaCodes(CudaCodes other, CudaBlock block) {
        shape = other.shape;
        perRow = other.perRow;
        this.block = block;
    }

    /** As {@link Storage#duplicate}. */
    CudaCodes duplicate(CudaMemory memory) {
        return new CudaCodes(this, memory.copy(block));
    }

    private long wordBytes() {
        return (long) Integer.BYTES * shape.words().length;
    }

    /** The codes as a GPU's, still open. */
    static CudaCodes own(SparseMatrix codes) {
        if (!(codes instanceof CudaCodes mine)) {
            throw new IllegalArgumentException("codes of another backend: " + codes);
        }
        if (mine.block.isClosed()) {
            throw new IllegalStateException("codes " + mine.shape() + " are used after they were closed");
        }
        return mine;
    }

    SlottedCodes layout() {
        return shape;
    }

    long words() {
        return block.address();
    }

    long starts() {
        return block.address() + wordBytes();
    }

    @Override
    public int rows() {
        return shape.rows();
    }

    @Override
    public int cols() {
        return shape.k();
    }

    @Override
    public int nonzerosPerRow() {
        return perRow;
    }

    @Override
    public long bytes() {
        return block.bytes();
    }

    @Override
    public void close() {
        block.close();
    }
}
