/**
 * From a ratio to the size of every projection's factors, in bytes as they are stored: {@link io.cospadi.budget.Budget}. The
 * true ratio is never below the one asked for. {@link io.cospadi.budget.PaperFormulas} has the paper's own accounting beside
 * it.
 */
package io.cospadi.budget;
