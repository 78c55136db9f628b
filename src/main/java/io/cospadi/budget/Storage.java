package io.cospadi.budget;

import io.cospadi.factorization.Method;
import io.cospadi.quantization.Precision;

/**
 * What the bytes of a size follow from.
 *
 * @param method    dictionary and codes, orthonormal or not, low rank, or a rounded weight
 * @param precision bits of dictionary and codes; low rank is always bf16; of a rounded weight only the group size
 */
public record Storage(Method method, Precision precision) {
    /** In 14-bit codes over a bf16 dictionary. */
    public static Storage of(Method method) {
        return new Storage(method, Precision.DEFAULT);
    }
}
