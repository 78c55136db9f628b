package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.DeviceProperties;
import io.cospadi.gpu.KsvdKernels;
import io.cospadi.gpu.SupportKernels;

/** K-SVD's update of one atom after the other on a GPU, which finds the rows that use each by itself: nothing goes to the host. */
final class CudaAtomUpdates {
    private final CudaMemory memory;
    private final KsvdKernels kernels;
    private final SupportKernels supports;

    CudaAtomUpdates(CudaCalls cuda, CudaMemory memory) {
        this.memory = memory;
        DeviceProperties device = cuda.properties();
        kernels = new KsvdKernels(cuda, device.multiprocessors(), device.sharedBytesOfBlock());
        supports = new SupportKernels(cuda);
    }

    /** As {@link SparseCodingVerbs#updateAtoms}. */
    void run(CudaMatrix residual, CudaMatrix dictionary, CudaMatrix codes, int s, int iterations) {
        int d2 = codes.rows();
        int k = codes.cols();
        int cols = residual.cols();
        if (cols == 0 || k == 0 || d2 == 0) {
            return;
        }
        int most = Math.multiplyExact(d2, s); // the kernels count in 32 bits
        try (CudaBlock counts = memory.scratch(Integer.BYTES * SupportKernels.scratchInts(d2, k));
                CudaBlock starts = memory.scratch(Long.BYTES * (k + 1L));
                CudaBlock users = memory.scratch((long) Integer.BYTES * most);
                CudaBlock scratch = memory.scratch(Float.BYTES * kernels.scratchFloats(cols))) {
            supports.locate(codes.address(), d2, k, counts.address(), starts.address(), most);
            supports.list(codes.address(), d2, k, counts.address(), starts.address(), users.address(), most);
            for (int atom = 0; atom < k; atom++) {
                kernels.updateAtom(
                        residual.address(),
                        dictionary.address(),
                        codes.address(),
                        d2,
                        cols,
                        k,
                        atom,
                        users.address(),
                        starts.address(),
                        iterations,
                        scratch.address());
            }
        }
    }
}
