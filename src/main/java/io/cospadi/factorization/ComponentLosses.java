package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;

/** By how much the loss changes, to first order, if one component of a whitened weight's singular value decomposition goes. */
public final class ComponentLosses {
    private ComponentLosses() {}

    /**
     * With {@code W L = Σ σ_i u_i v_iᵀ} for {@code G = L Lᵀ} and ∇ the gradient of the loss at W: {@code −σ_i u_iᵀ (∇ L⁻ᵀ) v_i},
     * which is {@code −⟨∇, σ_i u_i v_iᵀ L⁻¹⟩}. Signed; strongest component first, as many as the rank to working precision.
     *
     * @param problem  W and G, read only; without output weights
     * @param gradient ∇ (d2, d1) F64, read only
     */
    public static double[] of(Backend backend, Problem problem, Matrix gradient) {
        Effort effort = new Effort(backend);
        try (Scratch scratch = new Scratch(backend)) {
            Whitening whitening = Whitening.of(backend, effort, scratch, problem);
            Matrix up = scratch.f32(problem.d2(), whitening.rank());
            Matrix down =
                    scratch.keep(whitening.unwhiten(whitening.principalAxes().axes()));
            effort.gemm(1, whitening.target(), false, whitening.principalAxes().axes(), true, 0, up);
            Matrix pulled = scratch.f64(whitening.rank(), problem.d1());
            effort.gemm(-1, scratch.f64(up), true, gradient, false, 0, pulled);
            Matrix changes = scratch.f64(1, whitening.rank());
            backend.rowDots(pulled, down, changes);
            return backend.readDoubles(changes);
        }
    }
}
