package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.quantization.FeedbackRounding;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.DType;

/**
 * Rounds the rows of a matrix that inputs are multiplied with to what is stored: bf16 each by itself, or levels, an input's error
 * fed into the inputs still to be rounded under the Gram of the inputs ({@link FeedbackRounding}). Nothing is waited for.
 */
final class DictionaryRounding {
    /** Share of the mean energy that is added to every input's, as GPTQ does, so that a singular G has a factor. */
    private static final double DAMPING = 0.01;

    private static final int BFLOAT16_BITS = 16;

    private final Backend backend;
    private final Effort effort;
    /** Scalars: the mean energy, and whether G has no factor, else 0. */
    private final Matrix mean;

    private final Matrix failed;
    /** Null where elements are rounded to bf16. */
    private FeedbackRounding levels;

    private DictionaryRounding(Backend backend, Effort effort, Scratch scratch) {
        this.backend = backend;
        this.effort = effort;
        mean = scratch.f64(1, 1);
        failed = scratch.f64(1, 1);
    }

    /**
     * Rounding of dictionaries in a precision.
     *
     * @param gram G (d1, d1) F64, read only
     */
    static DictionaryRounding of(Backend backend, Effort effort, Scratch scratch, Matrix gram, Precision precision) {
        return precision.dictionaryLevels()
                ? underGram(backend, effort, scratch, gram, precision.dictionaryBits(), precision.groupSize())
                : new DictionaryRounding(backend, effort, scratch);
    }

    /** Rounding to levels of {@code bits} bits with feedback under G (d1, d1) F64, read only. */
    static DictionaryRounding underGram(
            Backend backend, Effort effort, Scratch scratch, Matrix gram, int bits, int groupSize) {
        DictionaryRounding rounding = new DictionaryRounding(backend, effort, scratch);
        try (Scratch own = new Scratch(backend)) {
            Matrix factor = own.f64(gram);
            Matrix damping = own.f64(1, 1);
            new MeanDiagonal(backend, own, gram.rows(), DType.F64).of(gram, rounding.mean);
            backend.copy(rounding.mean, damping);
            backend.scale(DAMPING, damping);
            backend.addToDiagonal(factor, damping);
            effort.cholesky(factor, rounding.failed);
            rounding.use(FeedbackRounding.under(backend, factor, bits, groupSize), scratch);
            return rounding;
        }
    }

    /** Rounding to the nearest levels of {@code bits} bits, of rows of d1. */
    static DictionaryRounding toNearest(
            Backend backend, Effort effort, Scratch scratch, int d1, int bits, int groupSize) {
        DictionaryRounding rounding = new DictionaryRounding(backend, effort, scratch);
        rounding.use(FeedbackRounding.none(backend, d1, bits, groupSize), scratch);
        return rounding;
    }

    private void use(FeedbackRounding rounding, Scratch scratch) {
        scratch.closing(rounding::close);
        levels = rounding;
    }

    /** Whether rounding takes so much that what depends on the matrix should be fitted to it again. */
    boolean isCoarse() {
        return levels != null;
    }

    /**
     * Rounds a matrix in place.
     *
     * @param matrix (rows, d1) F64
     * @param scales of levels (rows, groups) F32, overwritten; else null
     */
    void round(Matrix matrix, Matrix scales) {
        if (levels == null) {
            backend.keepTopBits(matrix, BFLOAT16_BITS);
            return;
        }
        effort.count(levels.operations(matrix.rows()));
        try (FeedbackRounding.Rounded rounded = levels.round(matrix)) {
            backend.copy(rounded.values(), matrix);
            backend.copy(rounded.scales(), scales);
        }
    }

    /**
     * Waits.
     *
     * @throws ArithmeticException if what was rounded has no meaning, as the Gram has no factor
     */
    void requireFactor() {
        if (levels != null && backend.read(failed).value() != 0) {
            throw new ArithmeticException("the Gram matrix has no Cholesky factor (mean diagonal "
                    + backend.read(mean).value() + "): it is not finite; calibrate again");
        }
    }
}
