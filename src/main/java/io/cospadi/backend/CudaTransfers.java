package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.IndexingKernels;
import io.cospadi.gpu.StorageKernels;
import io.cospadi.gpu.TransposeKernels;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.DType;
import java.nio.ByteBuffer;

/** {@link Storage}'s verbs on a GPU. */
final class CudaTransfers {
    /** Stored bytes that are on the device beside the matrix they are converted into, at a time. */
    private static final int STORED_BYTES = 64 << 20;

    private final CudaCalls cuda;
    private final CudaMemory memory;
    private final StorageKernels storage;
    private final IndexingKernels indexing;
    private final TransposeKernels transposing;

    CudaTransfers(CudaCalls cuda, CudaMemory memory) {
        this.cuda = cuda;
        this.memory = memory;
        storage = new StorageKernels(cuda);
        indexing = new IndexingKernels(cuda);
        transposing = new TransposeKernels(cuda);
    }

    /** Positions and values cross, the zeros between them don't. */
    void write(CudaMatrix matrix, Codes codes) {
        cuda.zero(matrix.address(), matrix.bytes());
        try (CudaBlock atoms = memory.scratch(codes.atoms());
                CudaBlock values = memory.scratch((long) Float.BYTES * codes.values().length)) {
            memory.write(values.address(), codes.values());
            indexing.scatterCodes(
                    matrix.dtype(),
                    values.address(),
                    atoms.address(),
                    matrix.address(),
                    codes.rows(),
                    codes.k(),
                    codes.s());
        }
    }

    float[] readFloats(CudaMatrix matrix) {
        return memory.floats(matrix);
    }

    double[] readDoubles(CudaMatrix matrix) {
        double[] values = new double[Math.toIntExact(matrix.elements())];
        memory.read(matrix.address(), values);
        return values;
    }

    /**
     * As {@link Storage#load}: stored elements cross as they are, beside what is queued where they come to lie in untouched
     * memory, and are converted on the device.
     */
    void load(CudaMatrix matrix, ByteBuffer stored, DType type) {
        if (type == matrix.dtype()) {
            memory.fill(matrix.block(), matrix.offset(), stored);
            return;
        }
        int pieceElements = STORED_BYTES / type.bytes();
        int elements = stored.remaining() / type.bytes();
        try (CudaBlock raw = memory.scratchToFill((long) Math.min(elements, pieceElements) * type.bytes())) {
            for (int done = 0; done < elements; done += pieceElements) {
                int count = Math.min(pieceElements, elements - done);
                ByteBuffer piece = stored.slice(stored.position() + done * type.bytes(), count * type.bytes());
                memory.fill(raw, 0, piece);
                long to = matrix.address() + (long) done * matrix.dtype().bytes();
                storage.convert(type, raw.address(), matrix.dtype(), to, count);
            }
        }
    }

    void copy(CudaMatrix from, CudaMatrix to) {
        if (from.elements() == 0) {
            return;
        }
        if (from.dtype() == to.dtype()) {
            copyBytes(from.address(), to.address(), from.bytes());
        } else {
            storage.convert(from.dtype(), from.address(), to.dtype(), to.address(), from.elements());
        }
    }

    private void copyBytes(long from, long to, long bytes) {
        if ((from | to | bytes) % 16 == 0) {
            storage.copy(from, to, bytes);
        } else {
            cuda.copy(to, from, bytes);
        }
    }

    void gatherRows(CudaMatrix from, int[] indices, CudaMatrix to) {
        try (CudaBlock index = memory.scratch(indices)) {
            indexing.gatherRows(to.dtype(), from.address(), index.address(), to.address(), indices.length, to.cols());
        }
    }

    void scatterRows(CudaMatrix from, int[] indices, CudaMatrix to) {
        try (CudaBlock index = memory.scratch(indices)) {
            indexing.scatterRows(to.dtype(), from.address(), index.address(), to.address(), indices.length, to.cols());
        }
    }

    void gatherColumn(CudaMatrix from, int column, int[] rows, CudaMatrix to) {
        try (CudaBlock index = memory.scratch(rows)) {
            indexing.gatherColumn(
                    to.dtype(), from.address(), from.cols(), column, index.address(), to.address(), rows.length);
        }
    }

    void scatterColumn(CudaMatrix from, int[] rows, CudaMatrix to, int column) {
        try (CudaBlock index = memory.scratch(rows)) {
            indexing.scatterColumn(
                    to.dtype(), from.address(), index.address(), to.address(), to.cols(), column, rows.length);
        }
    }

    void transpose(CudaMatrix from, CudaMatrix to) {
        transposing.transpose(from.dtype(), from.address(), to.address(), from.rows(), from.cols());
    }

    void fill(CudaMatrix matrix, double value) {
        storage.fill(matrix.dtype(), matrix.address(), value, matrix.elements());
    }
}
