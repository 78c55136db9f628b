package io.cospadi.factorization;

/** What a shared dictionary keeps small; {@link #option} is its name on the command line and in recipes. */
public enum ShareObjective {
    /** The members' outputs under the mean of their Grams, the paper's: one problem of stacked weights. */
    MEAN("mean"),
    /** The members' outputs, each under its own Gram: what {@link #MEAN} approximates. For {@link Solver#BLOCK}. */
    EXACT("exact");

    private final String option;

    ShareObjective(String option) {
        this.option = option;
    }

    /** The name users type. */
    public String option() {
        return option;
    }
}
