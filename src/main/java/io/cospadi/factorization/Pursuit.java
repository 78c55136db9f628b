package io.cospadi.factorization;

/** How the paper's solvers find codes; {@link #option} is its name on the command line and in files. */
public enum Pursuit {
    /** Orthogonal matching pursuit, the paper's: one atom a step, an exact refit after each. */
    EXACT("exact"),
    /** {@link StagedPursuit}: many atoms a stage, a refit by few conjugate-gradient steps; dense products alone. */
    STAGED("staged");

    /** Products of all codes (d2, k) with the atoms' Gram matrix (k, k) that one {@link #STAGED} pursuit takes. */
    public static final int STAGED_PRODUCTS = StagedPursuit.STANDARD_PRODUCTS;

    private final String option;

    Pursuit(String option) {
        this.option = option;
    }

    /** The name users type. */
    public String option() {
        return option;
    }
}
