package io.cospadi.decoder;

import io.cospadi.backend.Matrix;
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
}
