package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Dictionary, codes and everything between them during the rounds of {@link BlockSolver}; its formulas, step by step. The rows
 * of a group's members, equal blocks one after the other, may each have a metric G_l of their own, (r, r) with the identity as
 * their mean: then {@code M_l = D G_l Dᵀ} and {@code R_l = Y_l G_l Dᵀ − C_l M_l}, and the dictionary is fitted by
 * {@link SharedDictionary}. Or, without members, the rows may be coupled by an {@link OutputCorrelation} K: then the objective is
 * {@code tr(K (Y − C D) (Y − C D)ᵀ)}, a step goes along K R with one length for all rows, and the dictionary is fitted to rows
 * mixed by K.
 */
final class BlockState {
    /** Conjugate-gradient steps towards a shared dictionary in one round, from the fit under the mean metric. */
    private static final int SHARED_STEPS = 4;

    private final Backend backend;
    private final Effort effort;
    private final Matrix target;
    private final List<Block> blocks = new ArrayList<>();
    private final Optional<SharedDictionary> shared;
    private final LeastSquaresDictionary leastSquares;
    private final DeadAtoms deadAtoms;
    private final BlockErrors errors;
    private final BestIterate best;
    private final OutputCorrelation correlation;
    /** Fᵀ Y for K = F Fᵀ, or Y. */
    private final Matrix mixedTarget;
    /** Codes or residuals times K or Fᵀ, where there is a K. */
    private final Matrix mixed;

    private final Matrix dictionary;
    private final Matrix codes;
    private final Matrix bestCodes;
    /** D' of the last round, in the scale of the atoms in hand. */
    private Matrix previous;
    /** Where the next D' goes. */
    private Matrix fitted;

    /** CᵀC and its factor while the dictionary is fitted. */
    private final Matrix normal;

    /** D G_l. */
    private final Matrix image;

    private final Matrix residual;
    private final Matrix gradient;
    private final Matrix curvature;

    /** Scalars: a step's length is the quotient of the two. */
    private final Matrix descent;

    private final Matrix bend;

    /**
     * @param target Y (d2, r) F32, outlives this
     * @param k      atoms
     */
    BlockState(Backend backend, Effort effort, Scratch scratch, Matrix target, int k) {
        this(backend, effort, scratch, target, k, List.of(), null);
    }

    /**
     * @param metrics     F32, one for each block of rows, outlive this; none: the identity for all
     * @param correlation that couples rows, outlives this; null: none
     */
    BlockState(
            Backend backend,
            Effort effort,
            Scratch scratch,
            Matrix target,
            int k,
            List<Matrix> metrics,
            OutputCorrelation correlation) {
        this.backend = backend;
        this.effort = effort;
        this.target = target;
        shared = metrics.isEmpty() ? Optional.empty() : Optional.of(new SharedDictionary(backend, effort, metrics));
        int d2 = target.rows();
        dictionary = scratch.f32(k, target.cols());
        previous = scratch.f32(k, target.cols());
        fitted = scratch.f32(k, target.cols());
        codes = scratch.f32(d2, k);
        bestCodes = scratch.f32(d2, k);
        residual = scratch.f32(d2, k);
        gradient = scratch.f32(d2, k);
        curvature = scratch.f32(d2, k);
        normal = scratch.f32(k, k);
        image = metrics.isEmpty() ? dictionary : scratch.f32(k, target.cols());
        leastSquares = new LeastSquaresDictionary(backend, effort, scratch, normal);
        deadAtoms = new DeadAtoms(backend, scratch, target);
        best = new BestIterate(backend, scratch, bestCodes);
        descent = scratch.f64(1, 1);
        bend = scratch.f64(1, 1);
        if (metrics.isEmpty()) {
            blocks.add(new Block(0, d2, null, normal));
        }
        for (Matrix metric : metrics) {
            int rows = d2 / metrics.size();
            blocks.add(new Block(blocks.size() * rows, rows, metric, scratch.f32(k, k)));
        }
        this.correlation = correlation;
        if (correlation == null) {
            mixedTarget = target;
            mixed = codes;
        } else {
            mixedTarget = scratch.f32(d2, target.cols());
            mixed = scratch.f32(d2, k);
            correlation.mix(effort, target, mixedTarget);
        }
        errors = new BlockErrors(
                backend,
                scratch,
                rowEnergies(scratch),
                deadAtoms.rowErrors(),
                correlation == null ? null : mixedTarget);
    }

    /** Rows {@code from .. from+rows-1}, their metric (null: the identity) and their M. */
    private record Block(int from, int rows, Matrix metric, Matrix gram) {
        Matrix of(Matrix matrix) {
            return matrix.rows(from, rows);
        }
    }

    /** Of every row in its block's metric, (1, d2) F64. */
    private Matrix rowEnergies(Scratch scratch) {
        Matrix rowEnergies = scratch.f64(1, target.rows());
        try (Matrix product = backend.allocate(target.rows(), target.cols(), DType.F32)) {
            for (Block block : blocks) {
                if (block.metric() == null) {
                    backend.copy(block.of(target), block.of(product));
                } else {
                    effort.gemm(1, block.of(target), false, block.metric(), false, 0, block.of(product));
                }
            }
            backend.rowDots(target, product, rowEnergies);
        }
        return rowEnergies;
    }

    /** D (k, r), for the start to fill. */
    Matrix dictionary() {
        return dictionary;
    }

    /** C (d2, k), for the start to fill. */
    Matrix codes() {
        return codes;
    }

    /** Y (d2, r). */
    Matrix target() {
        return target;
    }

    Backend backend() {
        return backend;
    }

    int atoms() {
        return codes.cols();
    }

    /** Codes of the best iterate remembered. */
    Matrix best() {
        return bestCodes;
    }

    /** The same once more, for the caller to close. */
    Matrix takeBest() {
        return bestCodes.share().orElseThrow();
    }

    /** Waits for the device. */
    int atomsReplaced() {
        return deadAtoms.replaced();
    }

    /** The relative error of the iterate that was last correlated, a scalar: ‖Y − C D‖² / ‖Y‖², or all blocks' in one. */
    Matrix error() {
        return errors.relative();
    }

    /** The start is filled in: from here D'_previous is its dictionary. */
    void begin() {
        backend.copy(dictionary, previous);
    }

    /**
     * Scales the atoms to unit norm and the codes inversely, then computes M = D Dᵀ and R = Y Dᵀ − C M, or each block's; and on the
     * way the {@link BlockErrors}.
     */
    void correlate() {
        backend.normalizeAtoms(dictionary, previous, codes);
        errors.begin();
        for (Block block : blocks) {
            if (block.metric() == null) {
                effort.symmetricProduct(dictionary, false, block.gram());
            } else {
                effort.gemm(1, dictionary, false, block.metric(), false, 0, image);
                effort.gemm(1, image, false, dictionary, true, 0, block.gram());
            }
            effort.gemm(1, block.of(target), false, image, true, 0, block.of(residual));
        }
        if (correlation != null) {
            correlation.multiply(effort, codes, mixed);
        }
        errors.explain(codes, mixed, residual);
        for (Block block : blocks) {
            effort.gemm(-1, block.of(codes), false, block.gram(), false, 1, block.of(residual));
        }
        errors.explain(codes, mixed, residual);
        errors.settle();
    }

    /** Remembers the codes last correlated if no iterate was better. */
    void rememberIfBest() {
        best.offer(errors.relative(), codes);
    }

    /** One hard-thresholded step; needs {@link #correlate} first. */
    void code(Sparsity sparsity, int kept) {
        if (correlation != null) {
            codeTogether(sparsity, kept);
            return;
        }
        backend.restrictTo(codes, residual, gradient);
        for (Block block : blocks) {
            effort.gemm(1, block.of(gradient), false, block.gram(), false, 0, block.of(curvature));
        }
        sparsity.step(backend, codes, residual, gradient, curvature, kept);
    }

    /** The same along K R, whose rows are coupled: one step length for all, {@code ⟨g, K R⟩ / ⟨K g, g M⟩}. */
    private void codeTogether(Sparsity sparsity, int kept) {
        correlation.multiply(effort, residual, mixed);
        backend.restrictTo(codes, mixed, gradient);
        effort.gemm(1, gradient, false, normalOfAtoms(), false, 0, curvature);
        correlation.multiply(effort, gradient, residual);
        backend.dot(gradient, mixed, descent);
        backend.dot(residual, curvature, bend);
        backend.ratio(descent, bend, descent);
        backend.axpy(descent, mixed, codes);
        sparsity.keepLargest(backend, codes, kept);
    }

    /** D Dᵀ of the one block that there is. */
    private Matrix normalOfAtoms() {
        return blocks.get(0).gram();
    }

    /** The codes as the dictionary's least squares count them. */
    private Matrix counted(Matrix to) {
        if (correlation == null) {
            return to;
        }
        correlation.mix(effort, to, mixed);
        return mixed;
    }

    /** What a fit under the mean metric lacks of the best under each block's own; what is left of it nobody asks about here. */
    private void improve(Matrix to) {
        shared.ifPresent(fit -> fit.improve(to, target, normal, fitted, SHARED_STEPS, bend));
    }

    /** The dictionary that fits the best codes; valid until the next round. Waits for the device. */
    Matrix bestDictionary() {
        leastSquares.solve(counted(bestCodes), mixedTarget, fitted);
        improve(bestCodes);
        return fitted;
    }

    /** Least squares, dead atoms replaced, then {@code relaxation} times the way it moved on top. */
    void updateDictionary(double relaxation) {
        leastSquares.attempt(counted(codes), mixedTarget, fitted);
        improve(codes);
        leastSquares.orElse(previous, fitted);
        deadAtoms.replace(leastSquares.usage(), codes, fitted, previous);
        backend.extrapolate(relaxation, fitted, previous, dictionary);
        Matrix spare = previous;
        previous = fitted;
        fitted = spare;
    }
}
