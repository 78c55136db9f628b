package io.cospadi.decoder;

import io.cospadi.backend.Matrix;
import io.cospadi.checkpoint.InputSite;

/** Sees the inputs of a layer's projections as the forward pass computes them. */
@FunctionalInterface
public interface SiteListener {
    /** Nobody listens. */
    SiteListener NONE = (site, x) -> {};

    /**
     * @param site which projections read it
     * @param x    (N, d1): the exact input of those projections, tokens as rows; valid during the call, read only
     */
    void input(InputSite site, Matrix x);
}
