package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import java.util.Arrays;

/**
 * K-SVD: one atom after the other, each with its codes, the others fixed. For atom i, used by the rows I of the codes:
 *
 * <pre>
 *   F = Y[I] − C[I] D + c dᵀ        what the other atoms leave of the rows that use atom i
 *   c dᵀ &lt;- best rank-1 fit of F     d of unit norm, c = F d; the support stays
 * </pre>
 *
 * The rank-1 fit is a {@link RankOneFit}: power iterations from the atom in hand, or exact. Either way the objective never
 * rises. An atom that no row uses is replaced by the row with the largest residual. The residual {@code E = Y − C D} is kept up
 * to date, so one atom costs {@code O(|I| r)} a power iteration.
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
        int[][] users = backend.rowsUsing(codes);
        int replaced = 0;
        try (Scratch scratch = new Scratch(backend)) {
            Matrix residual = scratch.f32(target.rows(), target.cols());
            backend.copy(target, residual);
            effort.gemm(-1, codes, false, dictionary, false, 1, residual);
            for (int i = 0; i < users.length; ) {
                int used = i;
                while (used < users.length && users[used].length > 0) {
                    used++;
                }
                if (used > i) {
                    fit.fit(residual, dictionary, codes, i, Arrays.copyOfRange(users, i, used));
                    i = used;
                } else {
                    replace(dictionary.rows(i, 1), target, residual);
                    replaced++;
                    i++;
                }
            }
        }
        return replaced;
    }

    private void replace(Matrix atom, Matrix target, Matrix residual) {
        try (Scratch scratch = new Scratch(backend)) {
            Matrix errors = scratch.f32(1, target.rows());
            backend.rowDots(residual, residual, errors);
            int worst = backend.argmax(errors)[0];
            backend.copy(target.rows(worst, 1), atom);
            backend.scaleRows(
                    residual.rows(worst, 1), scratch.f32(1, 1)); // so that the next dead atom takes another row
            Matrix factor = scratch.f32(1, 1);
            backend.rowDots(atom, atom, factor);
            backend.power(factor, -0.5, factor);
            backend.scaleRows(atom, factor);
        }
    }
}
