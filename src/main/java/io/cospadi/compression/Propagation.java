package io.cospadi.compression;

/** What a projection is fitted to; {@link #option} is its name on the command line and in recipes. */
public enum Propagation {
    /** The dense model's inputs, so projections don't depend on each other. */
    DENSE("dense"),
    /** The inputs that the compressed projections before it give it. */
    INPUTS("inputs"),
    /** The same, with the weight that makes the dense model's outputs of them, as far as one can. */
    COMPRESSED("compressed");

    private final String option;

    Propagation(String option) {
        this.option = option;
    }

    /** The name users type. */
    public String option() {
        return option;
    }

    /** Whether a projection has to wait for those before it. */
    boolean sequential() {
        return this != DENSE;
    }

    /**
     * Refuses what is to be divided into independent tasks.
     *
     * @throws RecipeException if the recipe's projections wait for each other
     */
    static void requireIndependent(Recipe recipe) {
        if (recipe.propagation().sequential()) {
            throw RecipeException.usage("--propagate " + recipe.propagation().option()
                    + " goes layer by layer, each on what the compressed ones before it put out, so it can't be divided:"
                    + " let compress do all of it, or choose --propagate dense");
        }
    }
}
