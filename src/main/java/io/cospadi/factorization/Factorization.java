package io.cospadi.factorization;

import java.util.Map;

/**
 * One finished projection and how it came about.
 *
 * @param factors        rounded as they are stored
 * @param relativeError  {@link RelativeError} of exactly these factors under the undamped Gram
 * @param errorByRound   relative error after each round in the solver's precision, before rounding; empty for methods
 *                       without rounds; an annealed round's error is that of its larger support
 * @param atomsReplaced  dead atoms replaced, over all rounds
 * @param rank           rank, to working precision, of the whitened weight that was fitted; below min(d1, d2) where the
 *                       calibration data left directions of the inputs without energy
 * @param gramShift      what was added to the diagonal of G: 0, a singular G is factored on its range instead
 * @param secondsByPhase wall time of each phase, in order of first appearance
 * @param flops          floating-point operations of all matrix products, factorisations and solves, counted by formula
 * @param seconds        wall time in all
 */
public record Factorization(
        Factors factors,
        double relativeError,
        double[] errorByRound,
        int atomsReplaced,
        int rank,
        double gramShift,
        Map<String, Double> secondsByPhase,
        long flops,
        double seconds) {}
