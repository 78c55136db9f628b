package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.StorageKernels;
import io.cospadi.tensor.DType;

/** How fast a GPU copies within its memory, by events on its stream: what kernels are measured against. */
final class CudaBandwidth {
    /** Far beyond any level-2 cache; less where there is no room for it. */
    private static final long MOST_BYTES = 512L << 20;

    private static final int COPIES = 8;

    private final CudaCalls cuda;
    private final CudaMemory memory;
    private final StorageKernels storage;

    CudaBandwidth(CudaCalls cuda, CudaMemory memory) {
        this.cuda = cuda;
        this.memory = memory;
        storage = new StorageKernels(cuda);
    }

    /** Bytes read and written a second, the best of several copies. */
    double bytesPerSecond() {
        double best = 0;
        long bytes = Math.min(MOST_BYTES, memory.availableBytes() / 4) & -16;
        try (CudaBlock from = memory.scratch(bytes);
                CudaBlock to = memory.scratch(bytes)) {
            storage.fill(DType.F32, from.address(), 0.7, bytes / Float.BYTES);
            for (int i = 0; i < COPIES; i++) {
                best = Math.max(best, 2.0 * bytes / seconds(from, to, bytes));
            }
        }
        return best;
    }

    private double seconds(CudaBlock from, CudaBlock to, long bytes) {
        try (CudaCalls.Mark begin = cuda.mark()) {
            storage.copy(from.address(), to.address(), bytes);
            try (CudaCalls.Mark end = cuda.mark()) {
                return end.millisecondsSince(begin) * 1e-3;
            }
        }
    }
}
