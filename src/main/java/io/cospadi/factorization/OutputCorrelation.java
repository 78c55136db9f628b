package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;
import java.util.Arrays;

/**
 * What a full H is beyond its diagonal: {@code K = diag(H)^-½ H diag(H)^-½}, of unit diagonal. Rows of W and of codes that are
 * scaled by √h_j stay sparse; what then couples them is K, and the objective is {@code tr(K E Eᵀ)} for the scaled error E.
 */
final class OutputCorrelation {
    private final Backend backend;
    /** Lower triangular, K = F Fᵀ. */
    private final Matrix factor64;

    private final Matrix factor;
    private final Matrix correlation;

    /** @param covarianceFactor C (d2, d2) F64, lower triangular, of H = C Cᵀ; read only */
    OutputCorrelation(Backend backend, Scratch scratch, Matrix covarianceFactor) {
        this.backend = backend;
        int d2 = covarianceFactor.rows();
        factor64 = scratch.f64(covarianceFactor);
        Matrix norms = scratch.f64(1, d2);
        backend.rowDots(factor64, factor64, norms);
        backend.power(norms, -0.5, norms);
        backend.scaleRows(factor64, norms);
        factor = scratch.f32(factor64);
        correlation = scratch.f32(d2, d2);
        try (Matrix product = backend.allocate(d2, d2, DType.F64)) {
            backend.symmetricProduct(factor64, false, product);
            backend.copy(product, correlation);
        }
    }

    /** diag(H) of {@code H = C Cᵀ}. */
    static double[] diagonal(Backend backend, Matrix covarianceFactor) {
        try (Matrix norms = backend.allocate(1, covarianceFactor.rows(), DType.F64)) {
            backend.rowDots(covarianceFactor, covarianceFactor, norms);
            return Arrays.copyOf(backend.readDoubles(norms), covarianceFactor.rows());
        }
    }

    /** {@code out (d2, n) <- K rows}, F32. */
    void multiply(Effort effort, Matrix rows, Matrix out) {
        effort.gemm(1, correlation, false, rows, false, 0, out);
    }

    /** {@code out (d2, n) <- Fᵀ rows}, in the type of both: in the plain norm it counts as the rows do under K. */
    void mix(Effort effort, Matrix rows, Matrix out) {
        effort.gemm(1, rows.dtype() == DType.F64 ? factor64 : factor, true, rows, false, 0, out);
    }

    /** tr(K R Rᵀ) of rows R. */
    double energy(Effort effort, Matrix rows) {
        try (Matrix mixed = backend.allocate(rows.rows(), rows.cols(), rows.dtype())) {
            mix(effort, rows, mixed);
            return backend.dot(mixed, mixed);
        }
    }
}
