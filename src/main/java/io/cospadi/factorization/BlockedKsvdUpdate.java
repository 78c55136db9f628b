package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/**
 * Approximate K-SVD a block of atoms at a time, all of it dense products. With E = Y − C D the residual, D_b and C_b the atoms
 * of a block and their codes, two Gauss–Seidel sweeps, each of which fits one atom after the other to what those before leave:
 *
 * <pre>
 *   atoms:  Δ &lt;- tril(C_bᵀC_b)⁻¹ C_bᵀE         D_b &lt;- D_b + Δ,  E &lt;- E − C_b Δ;  then unit norm, codes inversely
 *   codes:  δ &lt;- the same on the support, with D_b D_bᵀ and E D_bᵀ     C_b &lt;- C_b + δ,  E &lt;- E − δ D_b
 * </pre>
 *
 * Every fit is exact with all else fixed, so the objective never rises, however correlated the atoms are. With blocks of one it
 * is Rubinstein's {@code d <- Fᵀc / ‖Fᵀc‖, c <- F d}: a power iteration from the codes in hand. In larger blocks an atom is
 * fitted before the codes of those ahead of it, instead of after. {@code 8 d2 r} operations an atom, whatever its users; nothing
 * goes to the host.
 *
 * @see "Rubinstein, Zibulevsky, Elad: Efficient Implementation of the K-SVD Algorithm using Batch-OMP, CS-2008-08, section 5"
 */
final class BlockedKsvdUpdate implements DictionaryUpdate {
    /** Beside a unit diagonal less than rounding; where an atom has no user, enough to divide 0 by. */
    private static final double RIDGE = 1e-12;

    private final Backend backend;
    private final Effort effort;
    private final int atoms;

    /** @param atoms atoms of a block, 1 to {@link Backend#MOST_SWEPT_ATOMS} */
    BlockedKsvdUpdate(Backend backend, Effort effort, int atoms) {
        this.backend = backend;
        this.effort = effort;
        this.atoms = atoms;
    }

    /** Blocks of as many atoms as the backends sweep. */
    static BlockedKsvdUpdate standard(Backend backend, Effort effort) {
        return new BlockedKsvdUpdate(backend, effort, Backend.MOST_SWEPT_ATOMS);
    }

    @Override
    public void update(Matrix target, Matrix dictionary, Matrix codes, DeadAtoms deadAtoms) {
        int d2 = codes.rows();
        int k = codes.cols();
        try (Scratch scratch = new Scratch(backend)) {
            Matrix byAtom = scratch.f32(k, d2);
            Matrix usage = scratch.f32(1, k);
            Matrix factors = scratch.f32(1, k);
            Matrix residual = scratch.f32(d2, target.cols());
            deadAtoms.replace(codes, dictionary);
            backend.transpose(codes, byAtom);
            backend.rowDots(byAtom, byAtom, usage);
            // codes of unit norm atom by atom: a rarely used atom then divides by 1 like any other
            scale(usage, factors, byAtom, dictionary);
            backend.copy(target, residual);
            effort.gemm(-1, byAtom, true, dictionary, false, 1, residual);
            for (int first = 0; first < k; first += atoms) {
                int count = Math.min(atoms, k - first);
                updateBlock(residual, dictionary.rows(first, count), byAtom.rows(first, count));
            }
            backend.transpose(byAtom, codes);
        }
    }

    private void updateBlock(Matrix residual, Matrix dictionary, Matrix codes) {
        int count = codes.rows();
        int d2 = codes.cols();
        try (Scratch scratch = new Scratch(backend)) {
            Matrix products = scratch.f32(count, count);
            Matrix atomChanges = scratch.f32(count, dictionary.cols());
            effort.symmetricProduct(codes, false, products);
            backend.addToDiagonal(products, RIDGE);
            effort.gemm(1, codes, false, residual, false, 0, atomChanges);
            effort.solveTriangular(products, false, atomChanges);
            backend.axpy(1, atomChanges, dictionary);
            effort.gemm(-1, codes, true, atomChanges, false, 1, residual);

            Matrix norms = scratch.f32(1, count);
            backend.rowDots(dictionary, dictionary, norms);
            scale(norms, scratch.f32(1, count), dictionary, codes);

            Matrix codeChanges = scratch.f32(count, d2);
            effort.symmetricProduct(dictionary, false, products);
            effort.gemm(1, dictionary, false, residual, true, 0, codeChanges);
            backend.sweepCodes(products, codes, codeChanges);
            effort.count((double) count * count * d2);
            backend.axpy(1, codeChanges, codes);
            effort.gemm(-1, codeChanges, true, dictionary, false, 1, residual);
        }
    }

    /** Rows of {@code unit}, whose squared norms are given, to unit norm, those of {@code other} inversely; 0 makes both 0. */
    private void scale(Matrix squares, Matrix factors, Matrix unit, Matrix other) {
        backend.power(squares, -0.5, factors);
        backend.scaleRows(unit, factors);
        backend.power(squares, 0.5, factors);
        backend.scaleRows(other, factors);
    }
}
