package io.cospadi.decoder;

import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.InputSite;
import io.cospadi.checkpoint.ProjectionType;

/** Sees the gradients at the outputs of a layer's projections as the backward pass computes them. */
@FunctionalInterface
public interface GradientListener {
    /**
     * @param type     which projection
     * @param gradient (N, d2): of the window's loss at the projection's output, bias included, tokens as rows; valid during
     *                 the call, read only
     */
    void gradient(ProjectionType type, Matrix gradient);

    /** Whether {@link #input} is to be called; one of the inputs takes a computation of its own. */
    default boolean wantsInputs() {
        return false;
    }

    /**
     * Called for every site before any gradient.
     *
     * @param x (N, d1): the input of the site's projections, tokens as rows; valid during the call, read only
     */
    default void input(InputSite site, Matrix x) {}
}
