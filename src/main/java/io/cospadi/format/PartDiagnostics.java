package io.cospadi.format;

import io.cospadi.factorization.Factorization;

/**
 * How a projection's factors came about, the same in equal runs; the meaning of each is {@link Factorization}'s.
 *
 * @param errorByRound not copied
 */
public record PartDiagnostics(
        double relativeError, double[] errorByRound, int atomsReplaced, int rank, double gramShift, long flops) {
    /** Those of a projection that stays dense: nothing was computed, nothing is lost. */
    public static PartDiagnostics none() {
        return new PartDiagnostics(0, new double[0], 0, 0, 0, 0);
    }

    static PartDiagnostics of(Factorization f) {
        return new PartDiagnostics(
                f.relativeError(), f.errorByRound(), f.atomsReplaced(), f.rank(), f.gramShift(), f.flops());
    }
}
