package io.cospadi.compression;

import io.cospadi.calibration.GramStore;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.OutputWeights;

/** What errors at a projection's outputs cost, from the gradients in a Gram store. */
final class OutputLoss {
    /** Share of the mean that every output feature's own mean square is shrunk by. */
    private static final double SHRINKAGE = 0.05;

    private OutputLoss() {}

    /** Whether a recipe asks for gradients: its objective or its budget follows the loss. */
    static boolean isNeeded(Recipe recipe) {
        return recipe.objective() == Objective.LOSS || recipe.budget() == BudgetChoice.AUTO;
    }

    /** H of a projection: mean squares of the loss gradient at its outputs, for each token. */
    static OutputWeights weights(GramStore grams, Projection projection) {
        return OutputWeights.shrunk(grams.outputWeights(projection.name()), SHRINKAGE);
    }

    /** The weights that a projection is fitted with. */
    static OutputWeights objective(Recipe recipe, GramStore grams, Projection projection) {
        return recipe.objective() == Objective.LOSS ? weights(grams, projection) : OutputWeights.equal();
    }

    /**
     * The rise of the loss, in nats a token, that lost output energies come to: to second order {@code ½ tr(H Δ G Δᵀ)}, G and H
     * means over tokens.
     *
     * @param lost {@code Δ_j G Δ_jᵀ} of each output feature, G summed over the store's tokens
     */
    static double rise(GramStore grams, Projection projection, double[] lost) {
        return 0.5 * weights(grams, projection).weigh(lost) / grams.tokens();
    }
}
