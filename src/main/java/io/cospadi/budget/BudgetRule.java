package io.cospadi.budget;

/** How one ratio is shared out over the projections. */
public enum BudgetRule {
    /** Each projection meets the ratio by itself: the paper's protocol. */
    UNIFORM,
    /** One cut through the pooled singular values of all whitened weights; the total meets the ratio. */
    POOLED
}
