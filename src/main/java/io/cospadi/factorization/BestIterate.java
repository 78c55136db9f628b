package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/** The codes of the iterate with the smallest error so far, chosen where they are: nothing waits for the comparison. */
final class BestIterate {
    private final Backend backend;
    private final Matrix codes;
    private final Matrix error;

    /** @param codes (d2, k), receives the best; outlives the last offer */
    BestIterate(Backend backend, Scratch scratch, Matrix codes) {
        this.backend = backend;
        this.codes = codes;
        error = scratch.f64(1, 1);
        backend.fill(error, Double.POSITIVE_INFINITY);
    }

    /**
     * Takes the codes if no iterate was better.
     *
     * @param offered      scalar, their error
     * @param offeredCodes (d2, k)
     */
    void offer(Matrix offered, Matrix offeredCodes) {
        backend.copyIfLess(offered, error, offeredCodes, codes);
        backend.copyIfLess(offered, error, offered, error);
    }
}
