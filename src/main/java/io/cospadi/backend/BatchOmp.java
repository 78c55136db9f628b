package io.cospadi.backend;

import static org.bytedeco.openblas.global.openblas_nolapack.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasNonUnit;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasTrans;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasUpper;

import java.nio.FloatBuffer;
import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas;

/**
 * Orthogonal matching pursuit of a block of signals in lockstep, in Gram space.
 *
 * <p>Every signal keeps F, upper triangular, with {@code F Fᵀ = (M_II)⁻¹} for its support I in order of choice. Adding atom
 * i with b = M[I, i]: {@code u = Fᵀ b}, {@code q = sqrt(M[i,i] - uᵀu)}, and F's new column is {@code f = (-F u ; 1) / q}.
 * That direction is M-orthogonal to all earlier ones, so with α the residual's correlations
 * {@code γ = α_i / q}, {@code c += γ f}, {@code α -= γ M f}. The products M f of all signals of a block are one dense
 * matrix product a step; the rest is private to the signal. Cost a signal: 2 k² s + 2 s³/3 flops.
 *
 * @see "Zhu et al. 2020, inverse Cholesky OMP; Rubinstein et al., Batch-OMP, CS-2008-08"
 */
final class BatchOmp implements AutoCloseable {
    /** Signals of one block: enough for an efficient product, few enough that the factors stay in a shared cache. */
    static final int ROWS = 64;

    /** An atom whose squared distance from the chosen atoms' span is below this share of its own norm is dependent. */
    private static final float DEPENDENT = 1e-6f;

    private final CpuMatrix gram;
    private final int k;
    private final int s;
    private final int first;
    private final int count;
    private final float[] norms;
    private final float[][] alpha;
    private final boolean[][] excluded;
    private final int[][] support;
    private final int[] size;
    private final float[][] values;
    private final FloatPointer factors;
    private final FloatPointer directions;
    private final FloatPointer products;
    private final FloatPointer column;

    /** Signals {@code first .. first+count-1}; {@code norms} is the Gram's diagonal. */
    BatchOmp(CpuMatrix gram, float[] norms, CpuMatrix correlations, int first, int count, int s) {
        this.gram = gram;
        this.norms = norms;
        this.k = gram.rows();
        this.s = s;
        this.first = first;
        this.count = count;
        alpha = new float[count][k];
        excluded = new boolean[count][k];
        support = new int[count][s];
        size = new int[count];
        values = new float[count][s];
        for (int i = 0; i < count; i++) {
            correlations.floatRows(first + i, 1).get(0, alpha[i]);
        }
        factors = new FloatPointer((long) count * s * s);
        directions = new FloatPointer((long) count * k);
        products = new FloatPointer((long) count * k);
        column = new FloatPointer(s);
    }

    void run(CpuMatrix codes) {
        float[] gamma = new float[count];
        float[] direction = new float[k];
        float[] product = new float[k];
        for (int step = 0; step < s; step++) {
            boolean any = false;
            for (int i = 0; i < count; i++) {
                gamma[i] = 0;
                Arrays.fill(direction, 0);
                if (size[i] == step) {
                    gamma[i] = choose(i, direction);
                    any |= gamma[i] != 0;
                }
                directions.position((long) i * k).put(direction);
            }
            directions.position(0);
            if (!any) {
                break;
            }
            openblas.cblas_sgemm(
                    CblasRowMajor,
                    CblasNoTrans,
                    CblasNoTrans,
                    count,
                    k,
                    k,
                    1,
                    directions,
                    k,
                    gram.floats(0),
                    k,
                    0,
                    products,
                    k);
            for (int i = 0; i < count; i++) {
                if (gamma[i] != 0) {
                    products.position((long) i * k).get(product);
                    float[] correlation = alpha[i];
                    for (int j = 0; j < k; j++) {
                        correlation[j] -= gamma[i] * product[j];
                    }
                }
            }
            products.position(0);
        }
        float[] row = new float[k];
        for (int i = 0; i < count; i++) {
            Arrays.fill(row, 0);
            for (int t = 0; t < size[i]; t++) {
                row[support[i][t]] = values[i][t];
            }
            codes.floatRows(first + i, 1).put(0, row);
        }
    }

    /**
     * Adds signal i's next atom, if one is left that is not dependent on those chosen.
     *
     * @param direction (k), zero; receives f scattered to the support
     * @return gamma, or 0 if the pursuit of this signal has ended
     */
    private float choose(int i, float[] direction) {
        int t = size[i];
        while (true) {
            int atom = largest(alpha[i], excluded[i]);
            if (atom < 0) {
                return 0;
            }
            excluded[i][atom] = true;
            float[] f = new float[t + 1];
            FloatBuffer gramRow = gram.floatRows(atom, 1);
            for (int j = 0; j < t; j++) {
                f[j] = gramRow.get(support[i][j]);
            }
            FloatPointer factor = factors.getPointer((long) i * s * s);
            column.position(0).put(f, 0, t);
            openblas.cblas_strmv(CblasRowMajor, CblasUpper, CblasTrans, CblasNonUnit, t, factor, s, column, 1);
            double squared = norms[atom];
            column.get(f, 0, t);
            for (int j = 0; j < t; j++) {
                squared -= (double) f[j] * f[j];
            }
            if (!(squared > DEPENDENT * norms[atom])) {
                continue;
            }
            openblas.cblas_strmv(CblasRowMajor, CblasUpper, CblasNoTrans, CblasNonUnit, t, factor, s, column, 1);
            column.get(f, 0, t);
            float q = (float) Math.sqrt(squared);
            for (int j = 0; j < t; j++) {
                f[j] /= -q;
                factor.put((long) j * s + t, f[j]);
                direction[support[i][j]] = f[j];
            }
            f[t] = 1 / q;
            factor.put((long) t * s + t, f[t]);
            direction[atom] = f[t];
            float gamma = alpha[i][atom] / q;
            support[i][t] = atom;
            for (int j = 0; j <= t; j++) {
                values[i][j] += gamma * f[j];
            }
            size[i] = t + 1;
            return gamma;
        }
    }

    /** Index of the largest magnitude not excluded, the lowest of equals; -1 if all that is left is 0. */
    private static int largest(float[] values, boolean[] excluded) {
        int best = -1;
        float most = 0;
        for (int j = 0; j < values.length; j++) {
            float magnitude = Math.abs(values[j]);
            if (magnitude > most && !excluded[j]) {
                most = magnitude;
                best = j;
            }
        }
        return best;
    }

    @Override
    public void close() {
        factors.close();
        directions.close();
        products.close();
        column.close();
    }
}
