package io.cospadi.factorization;

/** What stands for one projection, rounded exactly as it is stored. */
public sealed interface Factors permits SparseFactors, LowRankFactors {
    /** Input features. */
    int d1();

    /** Output features. */
    int d2();

    /** Bytes of the stored tensors. */
    long bytesOnDisk();
}
