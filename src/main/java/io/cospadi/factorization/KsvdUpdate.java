package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/**
 * K-SVD: one atom after the other, each with its codes, the others fixed. For atom i, used by the rows I of the codes:
 *
 * <pre>
 *   F = Y[I] − C[I] D + c dᵀ        what the other atoms leave of the rows that use atom i
 *   c dᵀ &lt;- best rank-1 fit of F     d of unit norm, c = F d; the support stays
 * </pre>
 *
 * The rank-1 fit is a {@link RankOneFit}: power iterations from the atom in hand, or exact. Either way the objective never
 * rises. Before it, atoms that no row uses are replaced ({@link DeadAtoms}). The residual {@code E = Y − C D} is kept up to
 * date, so one atom costs {@code O(|I| r)} a power iteration.
 *
 * @see "Aharon, Elad, Bruckstein: K-SVD, IEEE Trans. Signal Processing 54(11), 2006"
 */
final class KsvdUpdate implements DictionaryUpdate {
    private final Backend backend;
    private final Effort effort;
    private final RankOneFit fit;

    KsvdUpdate(Backend backend, Effort effort, RankOneFit fit) {
        this.backend = backend;
        this.effort = effort;
        this.fit = fit;
    }

    @Override
    public int update(Matrix target, Matrix dictionary, Matrix codes) {
        try (Scratch scratch = new Scratch(backend)) {
            Matrix usage = scratch.f32(1, codes.cols());
            usage(codes, usage);
            int replaced = DeadAtoms.replace(backend, effort, target, codes, usage, dictionary);
            Matrix residual = scratch.f32(target.rows(), target.cols());
            backend.copy(target, residual);
            effort.gemm(-1, codes, false, dictionary, false, 1, residual);
            fit.fit(residual, dictionary, codes);
            return replaced;
        }
    }

    /** Sums of squares of each atom's codes. */
    private void usage(Matrix codes, Matrix usage) {
        try (Scratch scratch = new Scratch(backend)) {
            Matrix ones = scratch.f32(1, codes.rows());
            Matrix sums = scratch.f64(1, codes.cols());
            backend.fill(ones, 1);
            backend.addSquares(codes, ones, sums);
            backend.copy(sums, usage);
        }
    }
}
