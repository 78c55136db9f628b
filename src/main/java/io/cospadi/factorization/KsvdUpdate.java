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
    public void update(Matrix target, Matrix dictionary, Matrix codes, DeadAtoms deadAtoms) {
        deadAtoms.replace(codes, dictionary);
        try (Matrix residual = backend.allocate(target.rows(), target.cols(), target.dtype())) {
            backend.copy(target, residual);
            effort.gemm(-1, codes, false, dictionary, false, 1, residual);
            fit.fit(residual, dictionary, codes);
        }
    }
}
