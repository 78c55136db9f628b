package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.SparseMatrix;
import io.cospadi.tensor.DType;

/**
 * From how many tokens on a factored projection's weight is worth making. N tokens cost {@code N k (d1 + d2)} multiply-adds as
 * {@code (x D) S}, as products of many tokens write the codes out, zeros included; and {@code d1 k d2 + N d1 d2} as {@code x (D S)}.
 * Each counts what its backend takes for it: with the dictionary {@code dictionaryCost}, with the weight, which is made in F32,
 * {@code weightCost}, with codes 1.
 *
 * <p>Where all count alike the weight pays for {@code N > k d1 d2 / (k (d1 + d2) - d1 d2)}: for 576 x 1536 from 2058 tokens on at
 * k = 526, and from 565 at the k = 1628 that 4 bits a number leave room for at the same ratio, 0.2; for no N where k is
 * {@code d1 d2 / (d1 + d2)} or less.
 *
 * @param d1 input features
 * @param d2 output features
 * @param k  atoms
 */
record Crossover(int d1, int d2, int k, double dictionaryCost, double weightCost) {
    /** On a backend that keeps such a dictionary (k, d1) and such codes (d2, k). */
    static Crossover of(Backend backend, Matrix dictionary, SparseMatrix codes) {
        double single = backend.singlePrecisionCost();
        return new Crossover(
                dictionary.cols(),
                codes.rows(),
                dictionary.rows(),
                dictionary.dtype() == DType.F32 ? single : 1,
                single);
    }

    /** Whether so many tokens are cheaper with the weight made for them. */
    boolean rebuilds(int tokens) {
        double factored = (double) tokens * k * (dictionaryCost * d1 + d2);
        double rebuilt = (dictionaryCost * k + weightCost * tokens) * d1 * d2;
        return rebuilt < factored;
    }
}
