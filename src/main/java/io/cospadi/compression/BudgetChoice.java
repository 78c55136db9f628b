package io.cospadi.compression;

/** What {@code --budget} offers; {@link #option} is its name on the command line and in recipes. */
public enum BudgetChoice {
    /** The least predicted rise of the loss, or zero-sum-svd's own rule; the total of all projections meets the ratio. */
    AUTO("auto"),
    /** Each projection meets the ratio, the paper's protocol. */
    UNIFORM("uniform"),
    /** One cut through the pooled singular values of all projections, none of which share; their total meets the ratio. */
    POOLED("pooled");

    private final String option;

    BudgetChoice(String option) {
        this.option = option;
    }

    /** The name users type. */
    public String option() {
        return option;
    }
}
