package io.cospadi.format;

import io.cospadi.factorization.Factorization;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * How a projection's factors came about; the meaning of each is {@link Factorization}'s.
 *
 * @param errorByRound   not copied
 * @param seconds        wall time, which alone of all these may differ between equal runs
 * @param secondsByPhase wall time of each phase
 */
public record PartDiagnostics(
        double relativeError,
        double[] errorByRound,
        int atomsReplaced,
        int rank,
        double gramShift,
        long flops,
        double seconds,
        Map<String, Double> secondsByPhase) {
    public PartDiagnostics {
        secondsByPhase = Collections.unmodifiableMap(new LinkedHashMap<>(secondsByPhase));
    }

    /** Those of a projection that stays dense: nothing was computed, nothing is lost. */
    public static PartDiagnostics none() {
        return new PartDiagnostics(0, new double[0], 0, 0, 0, 0, 0, Map.of());
    }

    static PartDiagnostics of(Factorization f) {
        return new PartDiagnostics(
                f.relativeError(),
                f.errorByRound(),
                f.atomsReplaced(),
                f.rank(),
                f.gramShift(),
                f.flops(),
                f.seconds(),
                f.secondsByPhase());
    }
}
