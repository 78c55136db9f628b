package io.cospadi.factorization;

/** How the paper's solvers find codes; {@link #option} is its name on the command line and in files. */
public enum Pursuit {
    /** Orthogonal matching pursuit, the paper's: one atom a step, an exact refit after each. */
    EXACT("exact"),
    /** {@link StagedPursuit}: many atoms a stage, a refit by few conjugate-gradient steps; dense products alone. */
    STAGED("staged");

    private final String option;

    Pursuit(String option) {
        this.option = option;
    }

    /** The name users type. */
    public String option() {
        return option;
    }
}
