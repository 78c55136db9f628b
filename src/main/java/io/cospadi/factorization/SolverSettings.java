package io.cospadi.factorization;

import io.cospadi.quantization.Precision;
import io.cospadi.tensor.MaskGroups;

/**
 * Everything that steers a factorisation besides the problem and its size.
 *
 * @param method          what replaces the projection
 * @param solver          how {@link Method#COSPADI} alternates; others ignore it
 * @param pursuit         how its pursuit finds codes; {@code block} has none, and {@link Pursuit#EXACT} here
 * @param rounds          rounds of the alternation, at least 0; low-rank methods have none
 * @param seed            seed of random starts ({@code ksvd}, {@code ksvd-exact}, {@code mod})
 * @param powerIterations power iterations of one atom's rank-1 fit ({@code ksvd})
 * @param tolerance       stops when a round improves the error by less than this share of it; 0: never
 * @param precision       of the stored numbers; low-rank methods ignore it, rounded weights all but the group size
 * @param groups          where codes may lie: anywhere, but for {@code block} and COMPOT also so many in every group of neighbours
 */
public record SolverSettings(
        Method method,
        Solver solver,
        Pursuit pursuit,
        int rounds,
        long seed,
        int powerIterations,
        double tolerance,
        Precision precision,
        MaskGroups groups) {
    public SolverSettings {
        if (rounds < 0 || powerIterations < 1) {
            throw new IllegalArgumentException(
                    "need rounds >= 0 and powerIterations >= 1, got " + rounds + " and " + powerIterations);
        }
        if (!(tolerance >= 0 && tolerance < 1)) {
            throw new IllegalArgumentException("need 0 <= tolerance < 1, got " + tolerance);
        }
        if (pursuit != Pursuit.EXACT && !pursues(method, solver)) {
            throw new IllegalArgumentException("a " + pursuit.option()
                    + " pursuit belongs to method cospadi with another solver than block, not to " + method.option());
        }
        if (groups != MaskGroups.NONE && !inGroups(method, solver)) {
            throw new IllegalArgumentException("groups of " + groups.option()
                    + " belong to method compot and to cospadi with" + " solver block, not to " + method.option());
        }
    }

    /** Default rounds, seed 42, 8 power iterations, no early stop. */
    public static SolverSettings defaults(Method method, Solver solver) {
        return new SolverSettings(
                method,
                solver,
                Pursuit.EXACT,
                defaultRounds(method, solver),
                42,
                8,
                0,
                Precision.DEFAULT,
                MaskGroups.NONE);
    }

    /** 40 for {@code block}, 60 for the paper's solvers, 20 for COMPOT, none for the low-rank methods. */
    public static int defaultRounds(Method method, Solver solver) {
        return switch (method) {
            case COSPADI -> solver == Solver.BLOCK ? 40 : 60;
            case COMPOT -> 20;
            case SVD_LLM, ASVD, SVD, KFAC_SVD, ZERO_SUM_SVD, BASIS_SHARING, RTN, GPTQ -> 0;
        };
    }

    /** The same with another number of rounds. */
    public SolverSettings withRounds(int newRounds) {
        return new SolverSettings(
                method, solver, pursuit, newRounds, seed, powerIterations, tolerance, precision, groups);
    }

    /** The same with another seed. */
    public SolverSettings withSeed(long newSeed) {
        return new SolverSettings(
                method, solver, pursuit, rounds, newSeed, powerIterations, tolerance, precision, groups);
    }

    /** The same with another tolerance. */
    public SolverSettings withTolerance(double newTolerance) {
        return new SolverSettings(
                method, solver, pursuit, rounds, seed, powerIterations, newTolerance, precision, groups);
    }

    /** The same with numbers stored in other bits. */
    public SolverSettings withPrecision(Precision newPrecision) {
        return new SolverSettings(
                method, solver, pursuit, rounds, seed, powerIterations, tolerance, newPrecision, groups);
    }

    /** The same with codes in groups of neighbours. */
    public SolverSettings withGroups(MaskGroups newGroups) {
        return new SolverSettings(
                method, solver, pursuit, rounds, seed, powerIterations, tolerance, precision, newGroups);
    }

    /** The same with codes found in another way. */
    public SolverSettings withPursuit(Pursuit newPursuit) {
        return new SolverSettings(
                method, solver, newPursuit, rounds, seed, powerIterations, tolerance, precision, groups);
    }

    /** Whether codes are found by a pursuit. */
    public static boolean pursues(Method method, Solver solver) {
        return method == Method.COSPADI && solver != Solver.BLOCK;
    }

    /** Whether codes can be chosen in every group of neighbours; a pursuit would have to be another one. */
    public static boolean inGroups(Method method, Solver solver) {
        return method == Method.COMPOT || method == Method.COSPADI && solver == Solver.BLOCK;
    }
}
