package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.RoundingVerbs;
import io.cospadi.quantization.Precision;

/**
 * Rounds fitted codes to what is stored: 14 or 16 bits of a single each by itself, or levels, each taking in what others lost ({@link
 * RoundingVerbs#roundOnSupport}).
 */
final class CodeRounding {
    private final Backend backend;
    private final Effort effort;
    private final Precision precision;
    private final Sparsity sparsity;

    CodeRounding(Backend backend, Effort effort, Precision precision, Sparsity sparsity) {
        this.backend = backend;
        this.effort = effort;
        this.precision = precision;
        this.sparsity = sparsity;
    }

    /**
     * Rounds codes in place.
     *
     * @param gram         M (k, k) F32, of the stored atoms, read only
     * @param correlations B (d2, k) F32, undefined afterwards
     * @param codes        (d2, k) F32, best fit on their support, or near it
     * @param support      (d2, k) F32, of levels receives where they are stored; else null
     * @param scales       of levels (d2, groups) F32, overwritten; else null
     */
    void round(Matrix gram, Matrix correlations, Matrix codes, Matrix support, Matrix scales) {
        if (!precision.valueLevels()) {
            backend.keepTopBits(codes, precision.valueBits());
            return;
        }
        effort.gemm(-1, codes, false, gram, false, 1, correlations);
        sparsity.markStored(backend, codes, support);
        backend.roundOnSupport(
                gram, support, correlations, codes, sparsity.s(), precision.groupSize(), precision.valueBits(), scales);
    }
}
