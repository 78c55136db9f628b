package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.Codes;
import io.cospadi.tensor.HostMatrix;
import io.cospadi.tensor.TopBits;

/** Factors as they are stored, where they are computed, and the error that they have. All begins as 0. */
final class RoundedFactors {
    private final Backend backend;
    private final Precision precision;

    /** D (k, d1) F64. */
    final Matrix dictionary;

    /** C (d2, k) F32. */
    final Matrix codes;

    /** (k, groups) F32; null where the dictionary isn't levels. */
    final Matrix dictionaryScales;

    /** (d2, groups) F32; null where codes aren't levels. */
    final Matrix codeScales;

    /** (d2, k) F32, not 0 where codes are stored; null where they aren't levels: any place serves what is 0. */
    final Matrix support;

    /** Scalars: the output's energy lost, and that with each output's weight. */
    final Matrix lost;

    final Matrix objective;

    RoundedFactors(Backend backend, Scratch scratch, int d1, int d2, int k, int s, Precision precision) {
        this.backend = backend;
        this.precision = precision;
        dictionary = scratch.f64(k, d1);
        codes = scratch.f32(d2, k);
        dictionaryScales = precision.dictionaryLevels() ? scratch.f32(k, precision.scales(d1)) : null;
        codeScales = precision.valueLevels() ? scratch.f32(d2, precision.scales(s)) : null;
        support = precision.valueLevels() ? scratch.f32(d2, k) : null;
        lost = scratch.f64(1, 1);
        objective = scratch.f64(1, 1);
    }

    /** Becomes the other's where that has the smaller objective. */
    void takeIfBetter(RoundedFactors other) {
        takeIfBetter(other, other.dictionary, dictionary);
        takeIfBetter(other, other.codes, codes);
        takeIfBetter(other, other.dictionaryScales, dictionaryScales);
        takeIfBetter(other, other.codeScales, codeScales);
        takeIfBetter(other, other.support, support);
        takeIfBetter(other, other.lost, lost);
        takeIfBetter(other, other.objective, objective); // last, as the others depend on it
    }

    private void takeIfBetter(RoundedFactors other, Matrix from, Matrix to) {
        if (to != null) {
            backend.copyIfLess(other.objective, objective, from, to);
        }
    }

    /** Becomes the other's. */
    void take(RoundedFactors other) {
        takeDictionary(other);
        copy(other.codes, codes);
        copy(other.codeScales, codeScales);
        copy(other.support, support);
        copy(other.lost, lost);
        copy(other.objective, objective);
    }

    /** The other's dictionary. */
    void takeDictionary(RoundedFactors other) {
        copy(other.dictionary, dictionary);
        copy(other.dictionaryScales, dictionaryScales);
    }

    private void copy(Matrix from, Matrix to) {
        if (to != null) {
            backend.copy(from, to);
        }
    }

    /**
     * On the host.
     *
     * @throws ArithmeticException if a number is not finite
     */
    SparseFactors read(Sparsity sparsity) {
        HostMatrix dense = backend.download(codes);
        HostMatrix marks = support == null ? dense : backend.download(support);
        FactorScales scales = new FactorScales(
                StoredForm.scales(backend, "dictionary", dictionaryScales),
                StoredForm.scales(backend, "codes", codeScales));
        Codes stored = sparsity.stored(backend, marks, dense);
        for (float value : stored.values()) {
            if (!Float.isFinite(value)) {
                int bits = precision.valueBits();
                throw new ArithmeticException("a code has no finite " + bits + "-bit form, but is " + value
                        + ", where the largest is " + TopBits.largest(bits)
                        + "; the Gram matrix or the weight is badly scaled");
            }
        }
        return new SparseFactors(dictionary.cols(), StoredForm.bfloat16(backend, dictionary), stored, scales);
    }
}
