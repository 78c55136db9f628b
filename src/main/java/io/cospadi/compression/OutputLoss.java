package io.cospadi.compression;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.calibration.GradientSettings;
import io.cospadi.calibration.GramStore;
import io.cospadi.calibration.OutputCovariance;
import io.cospadi.checkpoint.Projection;
import io.cospadi.factorization.Method;
import io.cospadi.factorization.OutputWeights;
import java.util.function.Supplier;

/** What errors at a projection's outputs cost, from the gradients in a Gram store. */
final class OutputLoss {
    private OutputLoss() {}

    /** Whether a recipe asks for gradients: its objective or its budget follows the loss. */
    static boolean isNeeded(Recipe recipe) {
        return recipe.objective() == Objective.LOSS || recipe.budget() == BudgetChoice.AUTO;
    }

    /** Whether a recipe asks for the gradients of weights: Zero-Sum SVD chooses ranks by them. */
    static boolean needsWeightGradients(Recipe recipe) {
        return recipe.method() == Method.ZERO_SUM_SVD && recipe.budget() == BudgetChoice.AUTO;
    }

    /** How a job takes its gradients, where it takes any. */
    static GradientSettings settings(Recipe recipe) {
        GradientSettings settings = GradientSettings.DEFAULT.withSeed(recipe.seed());
        if (recipe.outputs().covariance() == OutputCovariance.FULL) {
            return settings.withFullCovariance();
        }
        return needsWeightGradients(recipe) ? settings.withWeightsOfText() : settings;
    }

    /** H of a projection: mean squares of the loss gradient at its outputs, for each token. */
    private static OutputWeights weights(Recipe recipe, GramStore grams, Projection projection) {
        return OutputWeights.shrunk(
                grams.outputWeights(projection.name()), recipe.outputs().shrinkage(OutputCovariance.DIAGONAL));
    }

    /** Whether a recipe fits with all of H, and the gradients hold it. */
    static boolean countsCovariance(Recipe recipe, GramStore grams) {
        return recipe.objective() == Objective.LOSS
                && recipe.outputs().covariance() == OutputCovariance.FULL
                && grams.gradients().settings().covariance() == OutputCovariance.FULL;
    }

    /**
     * The weights that a projection is fitted with; the caller closes them.
     *
     * @param covariance loads all of H, where it is counted
     */
    static OutputWeights objective(
            Recipe recipe, GramStore grams, Projection projection, Backend backend, Supplier<Matrix> covariance) {
        if (recipe.objective() == Objective.OUTPUT) {
            return OutputWeights.equal();
        }
        if (countsCovariance(recipe, grams)) {
            try (Matrix all = covariance.get()) {
                return OutputWeights.full(backend, all, recipe.outputs().shrinkage(OutputCovariance.FULL));
            }
        }
        return weights(recipe, grams, projection);
    }

    /**
     * The rise of the loss, in nats a token, that lost output energies come to: to second order {@code ½ tr(H Δ G Δᵀ)}, G and H
     * means over tokens.
     *
     * @param lost {@code Δ_j G Δ_jᵀ} of each output feature, G summed over the store's tokens
     */
    static double rise(Recipe recipe, GramStore grams, Projection projection, double[] lost) {
        return rise(grams, weights(recipe, grams, projection).weigh(lost));
    }

    /** The same for energies that are weighed by H already. */
    static double rise(GramStore grams, double objective) {
        return 0.5 * objective / grams.tokens();
    }
}
