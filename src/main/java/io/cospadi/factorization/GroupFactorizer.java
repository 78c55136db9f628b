package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.CospadiException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Several projections of one type and shape with one dictionary between them: their weights are stacked, {@code W (m d2, d1)},
 * and factored as one, so each keeps codes of its own. Under {@link ShareObjective#MEAN} that is the ordinary problem with the
 * mean of the members' Grams, for every method; under {@link ShareObjective#EXACT} each member's rows count under its own.
 * A low-rank method shares its input directions likewise.
 *
 * @see <a href="https://arxiv.org/abs/2509.22075">CoSpaDi, cross-layer sharing</a>
 */
public final class GroupFactorizer {
    private final SolverSettings settings;
    private final ShareObjective objective;

    /** @throws IllegalArgumentException for the exact objective with another solver than {@link Solver#BLOCK} */
    public GroupFactorizer(SolverSettings settings, ShareObjective objective) {
        if (objective == ShareObjective.EXACT
                && !(settings.method() == Method.COSPADI && settings.solver() == Solver.BLOCK)) {
            throw new IllegalArgumentException("the exact objective needs the block solver, got "
                    + settings.method().option() + ", " + settings.solver().option());
        }
        this.settings = settings;
        this.objective = objective;
    }

    /**
     * Factors a group. One member alone gets what {@link Factorizer} gives it. Needs memory for the members' weights twice.
     *
     * @param members  of one shape, read only
     * @param k        atoms of the shared dictionary, or the rank of a low-rank method
     * @param s        nonzeros in each row of the codes; 0 for a low-rank method
     * @param listener told after every round
     * @return one for each member: factors that hold one dictionary, and its own error under its own Gram; rounds, dead atoms
     *     and rank are the group's, time and operations an equal part of the group's
     * @throws IllegalArgumentException if shapes differ, or k or s is out of range for the method
     * @throws CospadiException naming the first member, if numbers are not finite
     */
    public List<Factorization> factorize(Backend backend, List<Problem> members, int k, int s, RoundListener listener) {
        try {
            return factors(backend, members, k, s, listener);
        } catch (ArithmeticException e) {
            throw new CospadiException(members.get(0).name() + ": " + e.getMessage(), e);
        }
    }

    private List<Factorization> factors(Backend backend, List<Problem> members, int k, int s, RoundListener listener) {
        Problem first = members.get(0);
        if (members.size() == 1) {
            return List.of(Factorizer.of(settings).factorize(backend, first, k, s, listener));
        }
        for (Problem member : members) {
            if (member.d1() != first.d1() || member.d2() != first.d2()) {
                throw new IllegalArgumentException(
                        member.name() + " is " + member.weight().shape() + ", " + first.name() + " "
                                + first.weight().shape() + "; members of a group have one shape");
            }
        }
        try (Scratch scratch = new Scratch(backend)) {
            Problem stacked = stacked(backend, members, scratch);
            Factorization whole = objective == ShareObjective.EXACT
                    ? new BlockSolver(settings).factorize(backend, stacked, members, k, s, listener)
                    : Factorizer.of(settings).factorize(backend, stacked, k, s, listener);
            List<Factorization> parts = new ArrayList<>();
            for (Problem member : members) {
                parts.add(part(backend, whole, member, parts.size(), members.size()));
            }
            return parts;
        }
    }

    /**
     * The members' weights, one after the other, under the mean of their Grams.
     *
     * @param scratch owns the matrices
     */
    static Problem stacked(Backend backend, List<Problem> members, Scratch scratch) {
        int m = members.size();
        int d1 = members.get(0).d1();
        int d2 = members.get(0).d2();
        Matrix weight = scratch.f32(Math.multiplyExact(m, d2), d1);
        Matrix gram = scratch.f64(d1, d1);
        for (int l = 0; l < m; l++) {
            backend.copy(members.get(l).weight(), weight.rows(l * d2, d2));
            backend.axpy(1.0 / m, members.get(l).gram(), gram);
        }
        OutputWeights outputs =
                OutputWeights.stacked(members.stream().map(Problem::outputs).toList());
        return new Problem(members.get(0).name() + " and " + (m - 1) + " more", weight, gram, outputs);
    }

    private static Factorization part(Backend backend, Factorization whole, Problem member, int index, int count) {
        Factors factors = whole.factors().rows(index * member.d2(), member.d2());
        Map<String, Double> secondsByPhase = new LinkedHashMap<>();
        whole.secondsByPhase().forEach((phase, seconds) -> secondsByPhase.put(phase, seconds / count));
        return new Factorization(
                factors,
                RelativeError.of(backend, member, factors),
                whole.errorByRound(),
                whole.atomsReplaced(),
                whole.rank(),
                whole.gramShift(),
                secondsByPhase,
                whole.flops() / count,
                whole.seconds() / count);
    }
}
