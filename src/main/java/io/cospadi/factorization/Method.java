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
    SVD("svd", true);

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

    /** Whether the factors are {@link LowRankFactors} rather than {@link SparseFactors}. */
    public boolean lowRank() {
        return lowRank;
    }
}
