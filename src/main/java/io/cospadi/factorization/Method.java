package io.cospadi.factorization;

/** How a projection is replaced; {@link #option} is its name on the command line and in files. */
public enum Method {
    /** Sparse dictionary learning (arXiv 2509.22075), by one of the {@link Solver}s. */
    COSPADI("cospadi", false),
    /** Sparse codes over an orthonormal dictionary in the whitened space (arXiv 2602.15200). */
    COMPOT("compot", false),
    /** Truncated SVD of the whitened weight (arXiv 2403.07378). */
    SVD_LLM("svd-llm", true),
    /** Truncated SVD after scaling each input by its typical magnitude (arXiv 2312.05821). */
    ASVD("asvd", true),
    /** Truncated SVD of the weight itself, without calibration. */
    SVD("svd", true),
    /** {@link #SVD_LLM} of neighbouring layers' weights stacked, so that they share the r input directions (arXiv 2410.03765). */
    BASIS_SHARING("basis-sharing", true);

    private final String option;
    private final boolean lowRank;

    Method(String option, boolean lowRank) {
        this.option = option;
        this.lowRank = lowRank;
    }

    /** The name users type. */
    public String option() {
        return option;
    }

    /** Whether several projections may share a dictionary, or a low-rank basis. */
    public boolean shares() {
        return this == COSPADI || this == BASIS_SHARING;
    }

    /** Whether the factors are {@link LowRankFactors} rather than {@link SparseFactors}. */
    public boolean lowRank() {
        return lowRank;
    }
}
