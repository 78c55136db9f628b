package io.cospadi.factorization;

/** What stands for one projection, rounded exactly as it is stored. */
public sealed interface Factors permits SparseFactors, LowRankFactors, RoundedWeight {
    /** Input features. */
    int d1();

    /** Output features. */
    int d2();

    /** The factors of output features {@code from .. from+count-1}: the same dictionary, or input directions, not copied. */
    Factors rows(int from, int count);
}
