package io.cospadi.budget;

import io.cospadi.factorization.Method;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.MaskGroups;

/**
 * What the bytes of a size follow from.
 *
 * @param method    dictionary and codes, orthonormal or not, low rank, or a rounded weight
 * @param precision bits of dictionary and codes; low rank is always bf16; of a rounded weight only the group size
 * @param groups    of the codes, which k atoms are whole ones of
 */
public record Storage(Method method, Precision precision, MaskGroups groups) {
    /** In 14-bit codes over a bf16 dictionary. */
    public static Storage of(Method method) {
        return of(method, MaskGroups.NONE);
    }

    /** The same with codes in groups of neighbours. */
    public static Storage of(Method method, MaskGroups groups) {
        return new Storage(method, Precision.DEFAULT, groups);
    }
}
