package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/**
 * The exact rank-1 fit where nobody knows on the host which rows use an atom: in F the others are zeros. So FᵀF is always (r, r), about
 * {@code 9 r³ + d2 r²} operations an atom, and nothing waits for its eigenvectors. Where these do not converge the atom stays.
 */
final class MaskedRankOneFit implements RankOneFit {
    private final Backend backend;
    private final Effort effort;

    MaskedRankOneFit(Backend backend, Effort effort) {
        this.backend = backend;
        this.effort = effort;
    }

    @Override
    public void fit(Matrix residual, Matrix dictionary, Matrix codes) {
        int d2 = codes.rows();
        int r = residual.cols();
        try (Scratch scratch = new Scratch(backend)) {
            Matrix byAtom = scratch.f32(codes.cols(), d2);
            Matrix users = scratch.f32(1, d2);
            Matrix users64 = scratch.f64(1, d2);
            Matrix error64 = scratch.f64(d2, r);
            Matrix gram = scratch.f64(r, r);
            Matrix before = scratch.f32(1, r);
            Matrix leading = scratch.f32(1, r);
            Matrix failed = scratch.f64(1, 1);
            Matrix count = scratch.f64(1, 1);
            Matrix one = scratch.f64(1, 1);
            backend.fill(one, 1);
            backend.transpose(codes, byAtom);
            for (int i = 0; i < codes.cols(); i++) {
                Matrix values = byAtom.rows(i, 1);
                Matrix atom = dictionary.rows(i, 1);
                // 1 where the code is not 0
                backend.copy(values, users);
                backend.scaleColumns(users, values);
                backend.ratio(users, users, users);
                backend.copy(users, users64);
                backend.dot(users64, users64, count);

                effort.gemm(1, values, true, atom, false, 1, residual);
                backend.copy(residual, error64);
                backend.scaleRows(error64, users64);
                effort.symmetricProduct(error64, true, gram);
                effort.eigenvectors(gram, failed);
                backend.copy(atom, before);
                backend.copy(gram.rows(r - 1, 1), leading);
                backend.copyIfLess(failed, one, leading, atom);
                backend.copyIfLess(count, one, before, atom);

                effort.gemm(1, atom, false, residual, true, 0, values);
                backend.scaleColumns(values, users);
                effort.gemm(-1, values, true, atom, false, 1, residual);
            }
            backend.transpose(byAtom, codes);
        }
    }
}
