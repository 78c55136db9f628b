package io.cospadi.factorization;

/** How a projection is replaced; {@link #option} is its name on the command line and in files. */
public enum Method {
    /** Sparse dictionary learning (arXiv 2509.22075), by one of the {@link Solver}s. */
    COSPADI("cospadi", Form.SPARSE),
    /** Sparse codes over an orthonormal dictionary in the whitened space (arXiv 2602.15200). */
    COMPOT("compot", Form.SPARSE),
    /** Truncated SVD of the whitened weight (arXiv 2403.07378). */
    SVD_LLM("svd-llm", Form.LOW_RANK),
    /** Truncated SVD after scaling each input by its typical magnitude (arXiv 2312.05821). */
    ASVD("asvd", Form.LOW_RANK),
    /** Truncated SVD of the weight itself, without calibration. */
    SVD("svd", Form.LOW_RANK),
    /** {@link #SVD_LLM} whitened on both sides: outputs by the covariance of the loss gradient (KFAC-SVD with LEMS, ICML 2026). */
    KFAC_SVD("kfac-svd", Form.LOW_RANK),
    /** {@link #SVD_LLM} with ranks that keep the running first-order change of the loss near zero (arXiv 2602.02848). */
    ZERO_SUM_SVD("zero-sum-svd", Form.LOW_RANK),
    /** {@link #SVD_LLM} of neighbouring layers' weights stacked, so that they share the r input directions (arXiv 2410.03765). */
    BASIS_SHARING("basis-sharing", Form.LOW_RANK),
    /** No factors: every weight rounded to the nearest level of 3 to 8 bits. */
    RTN("rtn", Form.LEVELS),
    /** The same with each input's error fed into the inputs still to be rounded (arXiv 2210.17323). */
    GPTQ("gptq", Form.LEVELS);

    private enum Form {
        SPARSE,
        LOW_RANK,
        LEVELS
    }

    private final String option;
    private final Form form;

    Method(String option, Form form) {
        this.option = option;
        this.form = form;
    }

    /** The name users type. */
    public String option() {
        return option;
    }

    /** Whether several projections may share a dictionary, or a low-rank basis. */
    public boolean shares() {
        return this == COSPADI || this == BASIS_SHARING;
    }

    /** Whether it makes a dictionary and codes, {@link SparseFactors}, in rounds. */
    public boolean sparse() {
        return form == Form.SPARSE;
    }

    /** Whether the factors are {@link LowRankFactors}. */
    public boolean lowRank() {
        return form == Form.LOW_RANK;
    }

    /** Whether it keeps the weight whole and rounds it, {@link RoundedWeight}. */
    public boolean rounds() {
        return form == Form.LEVELS;
    }
}
