package io.cospadi.benchmark;

import io.cospadi.decoder.SyntheticWeights.Size;

/**
 * What {@link ProjectionKernels} times.
 *
 * @param types which projections have it, "gate,up"
 * @param d1    input features
 * @param d2    output features
 * @param ratio that the size meets
 * @param size  atoms, nonzeros a row, and the mask's groups
 */
public record FactoredProjection(String types, int d1, int d2, double ratio, Size size) {
    /** The same for other types. */
    public FactoredProjection named(String newTypes) {
        return new FactoredProjection(newTypes, d1, d2, ratio, size);
    }

    /** "gate,up 0.2" or "gate,up 0.2, 8:16". */
    String name() {
        String masks = size.group() == 0 ? "" : ", " + size.group() / 2 + ":" + size.group();
        return types + " " + ratio + masks;
    }
}
