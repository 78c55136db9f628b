package io.cospadi.backend;

import io.cospadi.gpu.SlottedCodes;
import io.cospadi.gpu.SlottedShape;
import io.cospadi.tensor.Codes;

/** Codes in a GPU's memory as {@link SlottedCodes}. */
final class CudaCodes implements SparseMatrix {
    private final SlottedShape shape;
    private final int perRow;
    private final CudaBlock block;

    CudaCodes(Codes codes, CudaMemory memory) {
        SlottedCodes packed = new SlottedCodes(codes);
        shape = packed.shape();
        perRow = codes.s();
        block = memory.toFill(shape.wordBytes() + (long) Short.BYTES * packed.starts().length);
        try {
            memory.fill(block, 0, packed.words());
            memory.fill(block, shape.wordBytes(), packed.starts());
        } catch (RuntimeException | Error failure) {
            block.close();
            throw failure;
        }
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

    SlottedShape layout() {
        return shape;
    }

    long words() {
        return block.address();
    }

    long starts() {
        return block.address() + shape.wordBytes();
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
