package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.quantization.FeedbackRounding;
import io.cospadi.quantization.Levels;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.DType;

/**
 * Rounds the rows of a matrix that inputs are multiplied with to what is stored: bf16 each by itself, or levels, an input's error
 * fed into the inputs still to be rounded under the Gram of the inputs ({@link FeedbackRounding}).
 */
final class DictionaryRounding implements AutoCloseable {
    /** Share of the mean energy that is added to every input's, as GPTQ does, so that a singular G has a factor. */
    private static final double DAMPING = 0.01;

    private final Backend backend;
    private final Effort effort;
    /** Null where elements are rounded to bf16. */
    private final FeedbackRounding levels;

    private DictionaryRounding(Backend backend, Effort effort, FeedbackRounding levels) {
        this.backend = backend;
        this.effort = effort;
        this.levels = levels;
    }

    /**
     * Rounding of dictionaries in a precision.
     *
     * @param gram G (d1, d1) F64, read only
     */
    static DictionaryRounding of(Backend backend, Effort effort, Matrix gram, Precision precision) {
        return precision.dictionaryLevels()
                ? underGram(backend, effort, gram, precision.dictionaryBits(), precision.groupSize())
                : new DictionaryRounding(backend, effort, null);
    }

    /** Rounding to levels of {@code bits} bits with feedback under G (d1, d1) F64, read only. */
    static DictionaryRounding underGram(Backend backend, Effort effort, Matrix gram, int bits, int groupSize) {
        int d1 = gram.rows();
        try (Matrix factor = backend.allocate(d1, d1, DType.F64);
                Matrix diagonal = backend.allocate(1, d1, DType.F64)) {
            backend.diagonal(gram, diagonal);
            double mean = 0;
            for (double energy : backend.readDoubles(diagonal)) {
                mean += energy / d1;
            }
            backend.copy(gram, factor);
            backend.addToDiagonal(factor, DAMPING * (mean > 0 ? mean : 1));
            if (effort.cholesky(factor)) {
                return new DictionaryRounding(
                        backend, effort, FeedbackRounding.under(backend, factor, bits, groupSize));
            }
            throw new ArithmeticException("the Gram matrix has no Cholesky factor (d1 = " + d1 + ", mean diagonal "
                    + mean + "): it is not finite; calibrate again");
        }
    }

    /** Whether rounding takes so much that what depends on the matrix should be fitted to it again. */
    boolean isCoarse() {
        return levels != null;
    }

    /** An F64 matrix (rows, d1), rounded; without levels it has no scales. */
    Levels round(Matrix matrix) {
        if (levels == null) {
            return new Levels(StoredForm.bfloat16(backend, matrix), new short[0]);
        }
        effort.count(levels.operations(matrix.rows()));
        return levels.round(matrix);
    }

    @Override
    public void close() {
        if (levels != null) {
            levels.close();
        }
    }
}
