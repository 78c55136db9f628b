package io.cospadi.compression;

import io.cospadi.calibration.OutputCovariance;
import io.cospadi.factorization.Method;
import java.util.OptionalDouble;

/**
 * How a recipe's loss counts errors at a projection's outputs, where it follows the loss.
 *
 * @param covariance how much of H, the gradients' covariance, it counts by
 * @param shrinkage  share of H that is replaced by its mean diagonal; empty: 0.05 of a diagonal, 0.3 of all of H, of whose d2²
 *                   numbers a calibration sees less
 */
public record OutputWeighting(OutputCovariance covariance, OptionalDouble shrinkage) {
    public OutputWeighting {
        if (shrinkage.isPresent() && !(shrinkage.getAsDouble() > 0 && shrinkage.getAsDouble() <= 1)) {
            throw new IllegalArgumentException("a shrinkage is above 0 and at most 1, got " + shrinkage.getAsDouble());
        }
    }

    /** All of H for KFAC-SVD, its diagonal for the others. */
    static OutputWeighting of(Method method) {
        return new OutputWeighting(
                method == Method.KFAC_SVD ? OutputCovariance.FULL : OutputCovariance.DIAGONAL, OptionalDouble.empty());
    }

    /** The shrinkage of so much of H. */
    double shrinkage(OutputCovariance kept) {
        return shrinkage.orElse(kept == OutputCovariance.FULL ? 0.3 : 0.05);
    }
}
