package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.ReductionKernels;
import io.cospadi.gpu.SoftmaxKernels;
import io.cospadi.gpu.SupportKernels;
import java.util.Arrays;

/** Verbs of a GPU whose results are numbers on the host: each waits for the device once. */
final class CudaReductions {
    private final CudaMemory memory;
    private final ReductionKernels reductions;
    private final SoftmaxKernels softmax;
    private final SupportKernels supports;

    CudaReductions(CudaCalls cuda, CudaMemory memory) {
        this.memory = memory;
        reductions = new ReductionKernels(cuda);
        softmax = new SoftmaxKernels(cuda);
        supports = new SupportKernels(cuda);
    }

    private static long partialsBytes() {
        return (long) Double.BYTES * ReductionKernels.SCRATCH_DOUBLES;
    }

    double dot(CudaMatrix a, CudaMatrix b) {
        try (CudaBlock partials = memory.scratch(partialsBytes());
                CudaBlock result = memory.scratch(Double.BYTES)) {
            reductions.dot(a.dtype(), a.address(), b.address(), a.elements(), partials.address(), result.address());
            return doubles(result, 1)[0];
        }
    }

    double smallest(CudaMatrix matrix) {
        try (CudaBlock partials = memory.scratch(partialsBytes());
                CudaBlock result = memory.scratch(Double.BYTES)) {
            reductions.smallest(
                    matrix.dtype(), matrix.address(), matrix.elements(), partials.address(), result.address());
            return doubles(result, 1)[0];
        }
    }

    double[] negativeLogLikelihood(CudaMatrix logits, int[] targets) {
        try (CudaBlock wanted = memory.scratch(targets);
                CudaBlock losses = memory.scratch((long) Double.BYTES * targets.length)) {
            softmax.negativeLogLikelihood(
                    logits.address(), wanted.address(), losses.address(), logits.rows(), logits.cols());
            return doubles(losses, targets.length);
        }
    }

    double[] klDivergence(CudaMatrix logP, CudaMatrix logQ) {
        try (CudaBlock divergences = memory.scratch((long) Double.BYTES * logP.rows())) {
            softmax.klDivergence(logP.address(), logQ.address(), divergences.address(), logP.rows(), logP.cols());
            return doubles(divergences, logP.rows());
        }
    }

    int[] argmax(CudaMatrix matrix) {
        try (CudaBlock columns = memory.scratch((long) Integer.BYTES * matrix.rows())) {
            if (matrix.isF32()) {
                softmax.argmax(matrix.address(), columns.address(), matrix.rows(), matrix.cols());
            } else {
                softmax.argmaxF64(matrix.address(), columns.address(), matrix.rows(), matrix.cols());
            }
            return ints(columns, matrix.rows());
        }
    }

    int[] sample(CudaMatrix logProbabilities, double[] uniforms) {
        try (CudaBlock drawn = memory.scratch(uniforms);
                CudaBlock columns = memory.scratch((long) Integer.BYTES * uniforms.length)) {
            softmax.sample(
                    logProbabilities.address(),
                    drawn.address(),
                    columns.address(),
                    logProbabilities.rows(),
                    logProbabilities.cols());
            return ints(columns, uniforms.length);
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
            supports.locate(codes.address(), codes.rows(), k, counts.address(), starts.address());
            // pairs of ints, little-endian: offsets of matrices that fit into an int array fit into the low one
            int[] start = ints(starts, 2 * (k + 1));
            int nonzeros = start[2 * k];
            try (CudaBlock list = memory.scratch((long) Integer.BYTES * nonzeros)) {
                supports.list(codes.address(), codes.rows(), k, counts.address(), starts.address(), list.address());
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
