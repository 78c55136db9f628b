package io.cospadi.factorization;

import io.cospadi.backend.Matrix;

/** The second half of an alternation: a better dictionary for codes whose support stays. */
interface DictionaryUpdate {
    /**
     * Improves {@code ‖Y − C D‖²} over D, and over the values of C where the rule changes them.
     *
     * @param target     Y (d2, r) F32, read only
     * @param dictionary D (k, r) F32, updated
     * @param codes      C (d2, k) F32, nonzeros updated, support unchanged but for rows that a replaced atom takes over
     * @param deadAtoms  replaces atoms that no code uses, and counts them
     */
    void update(Matrix target, Matrix dictionary, Matrix codes, DeadAtoms deadAtoms);
}
