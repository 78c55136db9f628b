package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/**
 * Generalized orthogonal matching pursuit on all rows in lockstep: s atoms in a few stages, each of which takes the atoms of
 * largest absolute correlation with the residual and improves the codes on the grown support by masked conjugate gradients.
 *
 * <pre>
 *   each stage:  R = B − C M                                       correlations of all atoms with the residual
 *                support &lt;- support and the largest |R| off it, ties to the lower atom
 *                C &lt;- steps of conjugate gradients on C M = B over the support, from the C in hand
 *   at the end:  more steps from a fresh residual
 * </pre>
 *
 * Every product is one dense (d2, k) by (k, k): {@code stages (steps + 1) + finalSteps} of them, whatever s is, where the
 * exact pursuit reads a factor of its own for every row at every step. With one atom a stage and enough steps it is orthogonal
 * matching pursuit. The objective {@code tr(C M Cᵀ) − 2 tr(B Cᵀ)} never rises beyond rounding. Unlike the exact pursuit it
 * doesn't stop at a row that is fitted exactly: what it then takes is rounding, with codes as small.
 *
 * @see <a href="https://arxiv.org/abs/1111.6664">Wang, Kwon, Shim: Generalized Orthogonal Matching Pursuit</a>
 */
final class StagedPursuit {
    private static final int STAGES = 10;
    private static final int STEPS = 8;
    private static final int FINAL_STEPS = 40;

    /** Products of (d2, k) by (k, k) that {@link #standard} takes. */
    static final int STANDARD_PRODUCTS = STAGES * (STEPS + 1) + FINAL_STEPS;

    private final Backend backend;
    private final Effort effort;
    private final int stages;
    private final int steps;
    private final int finalSteps;

    /**
     * @param stages     stages, 1 or more; never more than there are atoms to take
     * @param steps      conjugate-gradient steps of a stage
     * @param finalSteps steps after the last stage
     */
    StagedPursuit(Backend backend, Effort effort, int stages, int steps, int finalSteps) {
        this.backend = backend;
        this.effort = effort;
        this.stages = stages;
        this.steps = steps;
        this.finalSteps = finalSteps;
    }

    /**
     * 10 stages of 8 steps, then 40. On real layers, whose atoms are far from orthogonal, steps count for more than stages: 20
     * stages of 3 steps leave clearly larger errors (benchmarks, staged pursuit).
     */
    static StagedPursuit standard(Backend backend, Effort effort) {
        return new StagedPursuit(backend, effort, STAGES, STEPS, FINAL_STEPS);
    }

    /**
     * @param gram         M (k, k) F32, read only
     * @param correlations B (d2, k) F32, read only
     * @param s            nonzeros in each row, {@code 0 <= s <= k}
     * @param codes        C (d2, k) F32, overwritten
     */
    void code(Matrix gram, Matrix correlations, int s, Matrix codes) {
        int d2 = codes.rows();
        int k = codes.cols();
        int turns = Math.min(stages, s);
        try (Scratch scratch = new Scratch(backend)) {
            Matrix support = scratch.f32(d2, k);
            Matrix residual = scratch.f32(d2, k);
            Matrix direction = scratch.f32(d2, k);
            Matrix image = scratch.f32(d2, k);
            Matrix energy = scratch.f32(1, d2);
            backend.fill(codes, 0);
            for (int t = 0; t < turns; t++) {
                int taken = (int) ((t + 1L) * s / turns - (long) t * s / turns);
                backend.copy(correlations, residual);
                if (t > 0) {
                    effort.gemm(-1, codes, false, gram, false, 1, residual);
                }
                grow(support, residual, taken, direction);
                backend.restrictTo(support, residual, residual);
                backend.copy(residual, direction);
                backend.rowDots(residual, residual, energy);
                for (int step = 0; step < steps; step++) {
                    effort.gemm(1, direction, false, gram, false, 0, image);
                    backend.conjugateGradientStep(support, image, codes, residual, direction, energy);
                }
            }
        }
        SupportRefit.refit(backend, effort, gram, correlations, codes, finalSteps);
    }

    /** Adds the {@code taken} largest of each row of R off the support; the support's values say nothing, only where they are. */
    private void grow(Matrix support, Matrix residual, int taken, Matrix room) {
        backend.restrictTo(support, residual, room);
        backend.scale(-1, room);
        backend.axpy(1, residual, room); // x − x is 0 exactly: what is left lies off the support
        backend.keepLargest(room, taken);
        backend.axpy(1, room, support);
    }
}
