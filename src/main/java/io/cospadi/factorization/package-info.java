/**
 * One projection into factors: {@code W (d2, d1) ~ codes (d2, k) · dictionary (k, d1)} with s nonzeros in each row of the
 * codes, or into two low-rank factors, so that the projection's output on the calibration data changes least:
 * {@code tr((W−Ŵ) G (W−Ŵ)ᵀ)} is minimised, G the Gram matrix of its inputs.
 *
 * <p>In: a {@link io.cospadi.factorization.Problem}. Out: a {@link io.cospadi.factorization.Factorization} whose factors
 * are rounded as they will be stored. Start reading at {@code BlockSolver}, the default: dense products only. The paper's
 * own solver is {@code AlternatingSolver} with {@code KsvdUpdate}.
 *
 * @see <a href="https://arxiv.org/abs/2509.22075">CoSpaDi: Compressing LLMs via Calibration-Guided Sparse Dictionary
 *     Learning</a>
 */
package io.cospadi.factorization;
