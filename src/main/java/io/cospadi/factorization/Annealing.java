package io.cospadi.factorization;

/**
 * How many codes a row each round of {@link BlockSolver} keeps: from {@code s + (k − s)/2} down to s over the first part of
 * the rounds, so that the supports can still rearrange while the dictionary is young.
 *
 * @param k      atoms of a row, or of a group of neighbours in it
 * @param s      codes kept of those in the end
 * @param rounds rounds in all
 */
record Annealing(int k, int s, int rounds) {
    private static final double START = 0.5;
    private static final double SHARE_OF_ROUNDS = 0.7;

    /** Codes kept in round t, counted from 0; s from 70 % of the rounds on, quadratically approached. */
    int support(int t) {
        double left = Math.max(0, 1 - t / Math.max(1, SHARE_OF_ROUNDS * rounds - 1));
        return t == rounds - 1 ? s : s + (int) Math.round(START * (k - s) * left * left);
    }
}
