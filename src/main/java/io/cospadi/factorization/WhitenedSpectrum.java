package io.cospadi.factorization;

import io.cospadi.backend.Backend;

/** The singular values of a whitened weight: how much of the output's energy each direction carries. */
public final class WhitenedSpectrum {
    private WhitenedSpectrum() {}

    /**
     * Singular values of {@code H^½ W G^½}, descending; as many as its rank to working precision. The sum of their squares is
     * {@code tr(H W G Wᵀ)}, and those beyond the r-th are what SVD-LLM loses at rank r.
     *
     * @param problem W, G and H, read only
     */
    public static double[] of(Backend backend, Problem problem) {
        try (Scratch scratch = new Scratch(backend)) {
            return Whitening.of(backend, new Effort(backend), scratch, problem)
                    .principalAxes()
                    .singularValues();
        }
    }
}
