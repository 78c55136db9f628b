package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.ReductionKernels;
import io.cospadi.gpu.SupportKernels;
import java.util.Arrays;

/** Verbs of a GPU whose results are numbers, on the host unless said otherwise: those wait for the device once. */
final class CudaReductions {
    private final CudaMemory memory;
    private final ReductionKernels reductions;
    private final SupportKernels supports;

    CudaReductions(CudaCalls cuda, CudaMemory memory) {
        this.memory = memory;
        reductions = new ReductionKernels(cuda);
        supports = new SupportKernels(cuda);
    }

    private static long partialsBytes() {
        return (long) Double.BYTES * ReductionKernels.SCRATCH_DOUBLES;
    }

    double dot(CudaMatrix a, CudaMatrix b) {
        try (CudaBlock result = memory.scratch(Double.BYTES)) {
            dot(a, b, result.address());
            return doubles(result, 1)[0];
        }
    }

    /** The same to where one f64 lies on the device, without waiting. */
    void dot(CudaMatrix a, CudaMatrix b, long out) {
        try (CudaBlock partials = memory.scratch(partialsBytes())) {
            reductions.dot(a.dtype(), a.address(), b.address(), a.elements(), partials.address(), out);
        }
    }

    int[][] rowsUsing(CudaMatrix codes) {
        int k = codes.cols();
        int[][] rows = new int[k][];
        if (k == 0 || codes.rows() == 0) {
            Arrays.setAll(rows, atom -> new int[0]);
            return rows;
        }
        try (CudaBlock counts = memory.scratch(Integer.BYTES * SupportKernels.scratchInts(codes.rows(), k));
                CudaBlock starts = memory.scratch((long) Long.BYTES * (k + 1))) {
            supports.locate(codes.address(), codes.rows(), k, counts.address(), starts.address(), Long.MAX_VALUE);
            // pairs of ints, little-endian: offsets of matrices that fit into an int array fit into the low one
            int[] start = ints(starts, 2 * (k + 1));
            int nonzeros = start[2 * k];
            try (CudaBlock list = memory.scratch((long) Integer.BYTES * nonzeros)) {
                supports.list(
                        codes.address(), codes.rows(), k, counts.address(), starts.address(), list.address(), nonzeros);
                int[] all = ints(list, nonzeros);
                Arrays.setAll(rows, atom -> Arrays.copyOfRange(all, start[2 * atom], start[2 * atom + 2]));
            }
            return rows;
        }
    }

    private double[] doubles(CudaBlock from, int count) {
        double[] values = new double[count];
        memory.read(from.address(), values);
        return values;
    }

    private int[] ints(CudaBlock from, int count) {
        int[] values = new int[count];
        memory.read(from.address(), values);
        return values;
    }
}
