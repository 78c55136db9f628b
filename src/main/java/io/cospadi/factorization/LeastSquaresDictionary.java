package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import java.util.Arrays;

/**
 * The best dictionary for fixed codes, {@code D = (CᵀC + λ I)⁻¹ Cᵀ Y} with {@code λ = 1e-6 · mean diagonal of CᵀC}: the method
 * of optimal directions. G does not appear: with codes C, {@code D = (CᵀC)⁻¹ Cᵀ W} minimises {@code tr((W − C D) G (W − C D)ᵀ)}
 * for every G at once, so the same formula serves whitened and original weights.
 *
 * @see "Engan, Aase, Husøy: Method of optimal directions for frame design, ICASSP 1999"
 */
final class LeastSquaresDictionary {
    private static final double RIDGE = 1e-6;

    private LeastSquaresDictionary() {}

    /**
     * Solves for the dictionary; F32 or F64 throughout.
     *
     * @param codes      C (d2, k), read only
     * @param target     Y (d2, n), read only
     * @param gram       (k, k), overwritten
     * @param usage      (1, k), receives the diagonal of CᵀC: 0 for an atom that no code uses
     * @param dictionary (k, n), overwritten; the row of an unused atom becomes 0
     * @return whether every atom is used
     * @throws ArithmeticException if CᵀC is not finite
     */
    static boolean solve(
            Backend backend, Effort effort, Matrix codes, Matrix target, Matrix gram, Matrix usage, Matrix dictionary) {
        double meanDiagonal = Double.NaN;
        boolean allUsed = false;
        for (double ridge = RIDGE; ridge < 1; ridge *= 100) {
            effort.symmetricProduct(codes, true, gram);
            if (ridge == RIDGE) {
                backend.diagonal(gram, usage);
                // all that the host decides on comes over at once
                double[] squares = values(backend, usage);
                meanDiagonal = Arrays.stream(squares).sum() / squares.length;
                allUsed = Arrays.stream(squares).allMatch(square -> square > 0);
            }
            backend.addToDiagonal(gram, ridge * (meanDiagonal > 0 ? meanDiagonal : 1));
            if (effort.cholesky(gram)) {
                effort.gemm(1, codes, true, target, false, 0, dictionary);
                effort.solveCholesky(gram, dictionary);
                return allUsed;
            }
        }
        throw new ArithmeticException("the normal equations of " + codes.cols()
                + " atoms cannot be solved (mean diagonal " + meanDiagonal + "): the codes are not finite");
    }

    private static double[] values(Backend backend, Matrix row) {
        if (row.dtype() == DType.F64) {
            return backend.readDoubles(row);
        }
        float[] singles = backend.readFloats(row);
        double[] values = new double[singles.length];
        Arrays.setAll(values, i -> singles[i]);
        return values;
    }
}
