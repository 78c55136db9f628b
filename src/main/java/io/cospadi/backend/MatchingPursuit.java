package io.cospadi.backend;

import static io.cospadi.backend.OpenBlas.ROW_MAJOR;
import static io.cospadi.backend.OpenBlas.TRANSPOSE;

import org.bytedeco.openblas.global.openblas_full;

/**
 * Orthogonal matching pursuit in Gram space, a row at a time, rows in parallel.
 *
 * <p>Where Batch-OMP (Rubinstein, Zibulevsky, Elad, CS-2008-08) refits all coefficients at every step, this keeps, for each
 * chosen atom, row j of P: the correlations of all atoms with the j-th direction q_j of the chosen atoms' orthonormal basis.
 * With i the atom chosen at step j and w_l = P[l, i]:
 * <pre>
 *   |d_i's part outside the span|² = M[i, i] - sum of w_l²        L[j, j] its root, L[j, l] = w_l
 *   P[j, :] = (M[i, :] - sum over l of w_l P[l, :]) / L[j, j]
 *   alpha  -= (alpha[i] / L[j, j]) P[j, :]                        alpha: correlations with the residual
 * </pre>
 * which is the progressive Cholesky factorisation of the chosen Gram block without its triangular solves. The coefficients
 * come once, at the end, from L; one step of refinement with the residual taken from M takes back the f32 rounding. Chosen
 * atoms leave the columns of P and alpha, so the sums run over the others only. About {@code k s² - 2 s³ / 3} multiply-adds.
 */
final class MatchingPursuit {
    /** An atom whose part outside the span of the chosen ones has at most this share of its energy depends on them. */
    private static final float DEPENDENT = 1e-6f;

    /** Correlations that have fallen below this share of the first one are rounding. */
    private static final float VANISHED = 5e-7f;

    private final Workers workers;

    MatchingPursuit(Workers workers) {
        this.workers = workers;
    }

    void run(NativeMatrix gram, NativeMatrix correlations, int s, NativeMatrix codes) {
        int k = gram.rows();
        if (k == 0) {
            return;
        }
        float[] all = new float[Math.multiplyExact(k, k)];
        gram.get(0, all, all.length);
        workers.run(codes.rows(), (row, scratch) -> new Pursuit(all, k, s, scratch).run(correlations, codes, row));
    }

    /** One row's state; the arrays are the worker's. */
    private static final class Pursuit {
        private final float[] gram;
        private final int k;
        private final int s;
        private final float[] alpha;
        private final float[] direction;
        private final float[] weights;
        private final float[] factor;
        private final int[] atoms;
        private final int[] chosen;
        private final NativeBlock basis;
        private final NativeBlock exchange;
        private final Scratch scratch;

        Pursuit(float[] gram, int k, int s, Scratch scratch) {
            this.gram = gram;
            this.k = k;
            this.s = s;
            this.scratch = scratch;
            alpha = scratch.floats(0, k);
            direction = scratch.floats(1, k);
            weights = scratch.floats(2, s);
            factor = scratch.floats(3, s * s);
            atoms = scratch.ints(0, k);
            chosen = scratch.ints(1, s);
            basis = scratch.nativeFloats(0, (long) s * k);
            exchange = scratch.nativeFloats(1, 2L * k);
        }

        void run(NativeMatrix correlations, NativeMatrix codes, int row) {
            correlations.get((long) row * k, alpha, k);
            for (int j = 0; j < k; j++) {
                atoms[j] = j;
            }
            int width = k;
            int steps = 0;
            float first = 0;
            while (steps < s && width > 0) {
                int at = best(width);
                float size = Math.abs(alpha[at]);
                if (steps == 0 && first == 0) {
                    first = size;
                }
                if (!(size > VANISHED * first)) {
                    break;
                }
                width--;
                takeOut(at, width, steps);
                if (extend(width, steps)) {
                    steps++;
                }
            }
            float[] out = scratch.floats(4, k);
            java.util.Arrays.fill(out, 0, k, 0);
            solve(correlations, row, steps, out);
            codes.put((long) row * k, out, k);
        }

        /** Where among the first {@code width} columns the largest correlation stands, the lowest atom on ties. */
        private int best(int width) {
            int at = 0;
            float most = -1;
            for (int j = 0; j < width; j++) {
                float size = Math.abs(alpha[j]);
                if (size > most || size == most && atoms[j] < atoms[at]) {
                    most = size;
                    at = j;
                }
            }
            return at;
        }

        /** Swaps column {@code at} with column {@code last}, which then no longer takes part; its column of P is the weights. */
        private void takeOut(int at, int last, int steps) {
            int atom = atoms[at];
            float correlation = alpha[at];
            atoms[at] = atoms[last];
            alpha[at] = alpha[last];
            atoms[last] = atom;
            alpha[last] = correlation;
            if (steps > 0) {
                long column = basis.address() + (long) at * Float.BYTES;
                long moved = basis.address() + (long) last * Float.BYTES;
                openblas_full.cblas_scopy(steps, OpenBlas.floats(column), k, OpenBlas.floats(weightsAddress()), 1);
                openblas_full.cblas_scopy(steps, OpenBlas.floats(moved), k, OpenBlas.floats(column), k);
                exchange.get(k, weights, 0, steps);
            }
        }

        private long weightsAddress() {
            return exchange.address() + (long) k * Float.BYTES;
        }

        /** Adds the atom at column {@code last} to the basis, unless it depends on those chosen before. */
        private boolean extend(int last, int steps) {
            int atom = atoms[last];
            int gramRow = atom * k;
            double rest = gram[gramRow + atom];
            for (int l = 0; l < steps; l++) {
                rest -= (double) weights[l] * weights[l];
            }
            if (!(rest > DEPENDENT * gram[gramRow + atom])) {
                return false;
            }
            float length = (float) Math.sqrt(rest);
            System.arraycopy(weights, 0, factor, steps * s, steps);
            factor[steps * s + steps] = length;
            chosen[steps] = atom;
            if (last > 0) {
                for (int j = 0; j < last; j++) {
                    direction[j] = gram[gramRow + atoms[j]];
                }
                orthogonalize(last, steps);
                float inverse = 1 / length;
                float step = alpha[last] * inverse;
                for (int j = 0; j < last; j++) {
                    float part = direction[j] * inverse;
                    direction[j] = part;
                    alpha[j] -= step * part;
                }
                basis.put((long) steps * k, direction, 0, last);
            }
            return true;
        }

        /** {@code direction -= weightsᵀ P} over the first {@code width} columns. */
        private void orthogonalize(int width, int steps) {
            if (steps == 0) {
                return;
            }
            exchange.put(0, direction, 0, width);
            openblas_full.cblas_sgemv(
                    ROW_MAJOR,
                    TRANSPOSE,
                    steps,
                    width,
                    -1,
                    OpenBlas.floats(basis.address()),
                    k,
                    OpenBlas.floats(weightsAddress()),
                    1,
                    1,
                    OpenBlas.floats(exchange.address()),
                    1);
            exchange.get(0, direction, 0, width);
        }

        /** Coefficients by least squares on the chosen atoms, refined once. */
        private void solve(NativeMatrix correlations, int row, int steps, float[] out) {
            float[] signal = alpha;
            correlations.get((long) row * k, signal, k);
            double[] solution = scratch.doubles(0, steps);
            for (int round = 0; round < 2; round++) {
                for (int l = 0; l < steps; l++) {
                    double residual = signal[chosen[l]];
                    if (round > 0) {
                        int gramRow = chosen[l] * k;
                        for (int m = 0; m < steps; m++) {
                            residual -= (double) gram[gramRow + chosen[m]] * out[chosen[m]];
                        }
                    }
                    solution[l] = residual;
                }
                substitute(solution, steps);
                for (int l = 0; l < steps; l++) {
                    out[chosen[l]] += (float) solution[l];
                }
            }
        }

        /** {@code x <- L⁻ᵀ L⁻¹ x}. */
        private void substitute(double[] x, int n) {
            for (int i = 0; i < n; i++) {
                double sum = x[i];
                for (int l = 0; l < i; l++) {
                    sum -= factor[i * s + l] * x[l];
                }
                x[i] = sum / factor[i * s + i];
            }
            for (int i = n - 1; i >= 0; i--) {
                double value = x[i] / factor[i * s + i];
                x[i] = value;
                for (int l = 0; l < i; l++) {
                    x[l] -= factor[i * s + l] * value;
                }
            }
        }
    }
}
