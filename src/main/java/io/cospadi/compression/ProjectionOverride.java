package io.cospadi.compression;

import java.util.OptionalDouble;

/**
 * Another treatment of some projections; the last override that matches a projection counts.
 *
 * @param pattern which projections
 * @param ratio   their own ratio; empty keeps them dense
 */
public record ProjectionOverride(NamePattern pattern, OptionalDouble ratio) {
    /** Whether those projections stay dense (and count in the true ratio, unlike excluded ones). */
    public boolean dense() {
        return ratio.isEmpty();
    }
}
