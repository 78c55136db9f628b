package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.OmpKernels;

/** Orthogonal matching pursuit on a GPU, as many rows at a time as it runs at once and has room for. */
final class CudaPursuit {
    private final CudaMemory memory;
    private final OmpKernels kernels;
    private final int multiprocessors;

    CudaPursuit(CudaCalls cuda, CudaMemory memory) {
        this.memory = memory;
        kernels = new OmpKernels(cuda, cuda.properties().sharedBytesOfBlock());
        multiprocessors = cuda.properties().multiprocessors();
    }

    /** As {@link Backend#requirePursuit}. */
    void require(int k, int s) {
        kernels.sharedBytes(k, s);
    }

    /** As {@link SparseCodingVerbs#orthogonalMatchingPursuit}. */
    void run(CudaMatrix gram, CudaMatrix correlations, int s, CudaMatrix codes) {
        int k = gram.rows();
        long blockBytes = Float.BYTES * OmpKernels.scratchFloats(k, s, 1);
        // half of what is left: the pool's rounding takes some, and the caller goes on to allocate
        long room = Math.max(1, memory.availableBytes() / 2 / blockBytes);
        int blocks = (int) Math.min(Math.min(4L * multiprocessors, Math.max(1, codes.rows())), room);
        try (CudaBlock scratch = memory.scratch(Float.BYTES * OmpKernels.scratchFloats(k, s, blocks))) {
            kernels.pursue(
                    gram.address(),
                    correlations.address(),
                    codes.address(),
                    codes.rows(),
                    k,
                    s,
                    scratch.address(),
                    blocks);
        }
    }
}
