package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.KsvdKernels;
import java.util.Arrays;

/** K-SVD's update of one atom after the other on a GPU: the rows of all atoms go there once, and nothing comes back. */
final class CudaAtomUpdates {
    private final CudaMemory memory;
    private final KsvdKernels kernels;

    CudaAtomUpdates(CudaCalls cuda, CudaMemory memory) {
        this.memory = memory;
        kernels = new KsvdKernels(cuda, cuda.properties().multiprocessors());
    }

    /** As {@link SparseCodingVerbs#updateAtoms}. */
    void run(CudaMatrix residual, CudaMatrix dictionary, CudaMatrix codes, int first, int[][] users, int iterations) {
        int cols = residual.cols();
        if (cols == 0 || users.length == 0) {
            return;
        }
        int[] rows = Arrays.stream(users).flatMapToInt(Arrays::stream).toArray();
        try (CudaBlock list = memory.scratch(rows);
                CudaBlock scratch = memory.scratch(Float.BYTES * kernels.scratchFloats(cols))) {
            long at = list.address();
            for (int i = 0; i < users.length; i++) {
                kernels.updateAtom(
                        residual.address(),
                        dictionary.address(),
                        codes.address(),
                        cols,
                        codes.cols(),
                        first + i,
                        at,
                        users[i].length,
                        iterations,
                        scratch.address());
                at += (long) Integer.BYTES * users[i].length;
            }
        }
    }
}
