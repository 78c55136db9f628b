package io.cospadi.factorization;

/** How {@link Method#COSPADI} alternates; {@link #option} is its name on the command line and in files. */
public enum Solver {
    /** Hard-thresholded steps and least-squares dictionaries, all of it dense products. */
    BLOCK("block"),
    /** The paper's: orthogonal matching pursuit and K-SVD with power iterations. */
    KSVD("ksvd"),
    /** The same with the exact rank-1 fit. */
    KSVD_EXACT("ksvd-exact"),
    /** The same with one power iteration from the codes in hand, blocks of atoms at once: dense products. */
    KSVD_BLOCKED("ksvd-blocked"),
    /** Orthogonal matching pursuit and the method of optimal directions. */
    MOD("mod");

    private final String option;

    Solver(String option) {
        this.option = option;
    }

    /** The name users type. */
    public String option() {
        return option;
    }
}
