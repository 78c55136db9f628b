package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.StorageKernels;
import io.cospadi.tensor.DType;

/** How fast a GPU copies within its memory, by events on its stream: what kernels are measured against. */
final class CudaBandwidth {
    /** Far beyond any level-2 cache. */
    private static final long BYTES = 512L << 20;

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
        try (CudaBlock from = memory.scratch(BYTES);
                CudaBlock to = memory.scratch(BYTES)) {
            storage.fill(DType.F32, from.address(), 0.7, BYTES / Float.BYTES);
            for (int i = 0; i < COPIES; i++) {
                try (CudaCalls.Mark begin = cuda.mark()) {
                    storage.copy(from.address(), to.address(), BYTES);
                    try (CudaCalls.Mark end = cuda.mark()) {
                        best = Math.max(best, 2.0 * BYTES / end.millisecondsSince(begin) * 1e3);
                    }
                }
            }
        }
        return best;
    }
}
