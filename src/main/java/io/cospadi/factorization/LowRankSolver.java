package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.DType;

/**
 * Truncated singular value decomposition of W under a metric: with Y the weight whitened by it and Q the r strongest right
 * singular vectors of Y, {@code up = Y Qᵀ} and {@code down = Q} taken back to the inputs; both rounded to bf16 as they are.
 *
 * <ul>
 *   <li>SVD-LLM: the metric is G, so the truncation is optimal for the outputs on the calibration data.
 *   <li>KFAC-SVD: the same, with the covariance of the loss gradient as output weights, so that the truncation is optimal for the
 *       loss to second order.
 *   <li>Zero-Sum SVD: SVD-LLM's factors; the ranks are its own.
 *   <li>Basis Sharing: the same for the stacked weights of a group, see {@link GroupFactorizer}.
 *   <li>ASVD: diag(G), every input scaled by its typical magnitude. Its authors take the mean of |x|; from a Gram only the root
 *       mean square is known, and that is what is used here.
 *   <li>SVD: the identity; no calibration.
 * </ul>
 *
 * The error is always that under G.
 *
 * @see <a href="https://arxiv.org/abs/2403.07378">SVD-LLM</a>, <a href="https://arxiv.org/abs/2410.03765">Basis Sharing</a>,
 *     <a href="https://arxiv.org/abs/2312.05821">ASVD</a>
 */
final class LowRankSolver implements Factorizer {
    private final Method method;

    LowRankSolver(Method method) {
        this.method = method;
    }

    @Override
    public Factorization factorize(Backend backend, Problem problem, int rank, int s, RoundListener listener) {
        int d1 = problem.d1();
        int d2 = problem.d2();
        new LowRankShape(d1, d2, rank); // checks the rank
        if (s != 0) {
            throw new IllegalArgumentException(problem.name() + ": " + method.option() + " has no codes, yet s=" + s);
        }
        try (Effort effort = Effort.in("whitening", backend);
                Scratch scratch = new Scratch(backend)) {
            Whitening whitening = Whitening.of(backend, effort, scratch, problem, metric(backend, problem, scratch));
            effort.enter("decomposition");
            int kept = Math.min(rank, whitening.rank());
            Matrix up = scratch.f32(d2, rank);
            Matrix down = scratch.f64(rank, d1);
            Matrix strongest = whitening.principalAxes().axes().rows(0, kept);
            try (Matrix narrow = backend.allocate(d2, kept, DType.F32);
                    Matrix unwhitened = whitening.unwhiten(strongest)) {
                effort.gemm(1, whitening.target(), false, strongest, true, 0, narrow);
                LeadingAtoms.embed(backend, narrow, up);
                backend.copy(unwhitened, down.rows(0, kept));
            }
            problem.outputs().release(backend, up);
            effort.enter("final fit");
            listener.queued();
            LowRankFactors factors = new LowRankFactors(
                    d1, d2, rank, StoredForm.bfloat16(backend, down), StoredForm.bfloat16(backend, scratch.f64(up)));
            double error = RelativeError.of(backend, problem, factors);
            return effort.factorization(factors, error, new double[0], 0, whitening.rank());
        }
    }

    private Matrix metric(Backend backend, Problem problem, Scratch scratch) {
        if (method != Method.ASVD && method != Method.SVD) {
            return problem.gram();
        }
        Matrix metric = scratch.f64(problem.d1(), problem.d1());
        backend.addToDiagonal(metric, 1);
        if (method == Method.ASVD) {
            Matrix diagonal = scratch.f64(1, problem.d1());
            backend.diagonal(problem.gram(), diagonal);
            backend.scaleRows(metric, diagonal);
        }
        return metric;
    }
}
