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
final class DictionaryRounding implements AutoCloseable {
    /** Share of the mean energy that is added to every input's, as GPTQ does, so that a singular G has a factor. */
    private static final double DAMPING = 0.01;

    private static final int BFLOAT16_BITS = 16;

    private final Backend backend;
    private final Effort effort;
    private final Scratch scratch;
    /** Scalars: the mean energy, and whether G has no factor, else 0. */
    private final Matrix mean;

    private final Matrix failed;
    /** Null where elements are rounded to bf16. */
    private FeedbackRounding levels;

    private DictionaryRounding(Backend backend, Effort effort) {
        this.backend = backend;
        this.effort = effort;
        scratch = new Scratch(backend);
        mean = scratch.f64(1, 1);
        failed = scratch.f64(1, 1);
    }

    /**
     * Rounding of dictionaries in a precision; the caller closes it.
     *
     * @param gram G (d1, d1) F64, read only
     */
    static DictionaryRounding of(Backend backend, Effort effort, Matrix gram, Precision precision) {
        return precision.dictionaryLevels()
                ? underGram(backend, effort, gram, precision.dictionaryBits(), precision.groupSize())
                : new DictionaryRounding(backend, effort);
    }

    /** Rounding to levels of {@code bits} bits with feedback under G (d1, d1) F64, read only; the caller closes it. */
    static DictionaryRounding underGram(Backend backend, Effort effort, Matrix gram, int bits, int groupSize) {
        DictionaryRounding rounding = new DictionaryRounding(backend, effort);
        try {
            rounding.factor(gram, bits, groupSize);
            return rounding;
        } catch (RuntimeException | Error failure) {
            rounding.close();
            throw failure;
        }
    }

    /** Rounding to the nearest levels of {@code bits} bits, of rows of d1; the caller closes it. */
    static DictionaryRounding toNearest(Backend backend, Effort effort, int d1, int bits, int groupSize) {
        DictionaryRounding rounding = new DictionaryRounding(backend, effort);
        try {
            rounding.levels = FeedbackRounding.none(backend, d1, bits, groupSize);
            return rounding;
        } catch (RuntimeException | Error failure) {
            rounding.close();
            throw failure;
        }
    }

    private void factor(Matrix gram, int bits, int groupSize) {
        try (Matrix factor = backend.allocate(gram.rows(), gram.rows(), DType.F64);
                Matrix damping = backend.allocate(1, 1, DType.F64);
                MeanDiagonal energy = new MeanDiagonal(backend, gram.rows(), DType.F64)) {
            energy.of(gram, mean);
            backend.copy(mean, damping);
            backend.scale(DAMPING, damping);
            backend.copy(gram, factor);
            backend.addToDiagonal(factor, damping);
            effort.cholesky(factor, failed);
            levels = FeedbackRounding.under(backend, factor, bits, groupSize);
        }
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
        if (backend.read(failed).value() != 0) {
            throw new ArithmeticException("the Gram matrix has no Cholesky factor (mean diagonal "
                    + backend.read(mean).value() + "): it is not finite; calibrate again");
        }
    }

    @Override
    public void close() {
        scratch.close();
        if (levels != null) {
            levels.close();
        }
    }
}
