package io.cospadi.factorization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;

/**
 * What a projection can make up for of what compression did to its inputs. With X the inputs that W was made for and X~ those
 * that it gets, the weight whose outputs come nearest to X W is, by least squares with a ridge on the change,
 *
 * <pre>{@code W* = W + (X~ᵀ X~ + ε I)⁻¹ X~ᵀ (X − X~) W}</pre>
 *
 * (W (d1, d2) as in papers), which leaves W as it is along directions that X~ hardly shows, and everywhere if X~ = X.
 *
 * @see <a href="https://arxiv.org/abs/2504.09629">Quantization Error Propagation</a>, where the same target is quantised
 */
public final class InputCorrection implements AutoCloseable {
    /** ε as a share of the mean diagonal of X~ᵀ X~. */
    private static final double RIDGE = 0.01;

    private final Backend backend;
    /** (X~ᵀ X~ + ε I)⁻¹ X~ᵀ (X − X~), (d1, d1) F64. */
    private final Matrix map;

    private InputCorrection(Backend backend, Matrix map) {
        this.backend = backend;
        this.map = map;
    }

    /**
     * The correction of all projections that read the same inputs; the caller closes it.
     *
     * @param site  for messages
     * @param gram  X~ᵀ X~, (d1, d1) F64, read only
     * @param shift X~ᵀ (X − X~), likewise
     * @throws CospadiException if the Gram is not finite
     */
    public static InputCorrection of(Backend backend, String site, Matrix gram, Matrix shift) {
        int d1 = gram.rows();
        Matrix map = backend.allocate(d1, d1, DType.F64);
        try (Scratch scratch = new Scratch(backend)) {
            Matrix diagonal = scratch.f64(1, d1);
            backend.diagonal(gram, diagonal);
            double mean = 0;
            for (double energy : backend.readDoubles(diagonal)) {
                mean += energy / d1;
            }
            if (mean != 0) {
                Matrix factor = scratch.f64(gram);
                backend.addToDiagonal(factor, RIDGE * mean);
                if (!backend.cholesky(factor)) {
                    throw new CospadiException(site + ": the Gram of the compressed model's inputs is not positive"
                            + " semidefinite (mean diagonal " + mean
                            + "): the model computes values that are not finite; compress it less");
                }
                backend.copy(shift, map);
                backend.solveCholesky(factor, map);
            }
            return new InputCorrection(backend, map);
        } catch (RuntimeException | Error failure) {
            map.close();
            throw failure;
        }
    }

    /**
     * W*, F32 as W; the caller closes it.
     *
     * @param weight W (d2, d1) F32, read only
     */
    public Matrix corrected(Matrix weight) {
        Matrix corrected = backend.allocate(weight.rows(), weight.cols(), DType.F32);
        try (Scratch scratch = new Scratch(backend)) {
            Matrix weight64 = scratch.f64(weight);
            Matrix sum = scratch.f64(weight);
            backend.gemm(1, weight64, false, map, true, 1, sum);
            backend.copy(sum, corrected);
            return corrected;
        } catch (RuntimeException | Error failure) {
            corrected.close();
            throw failure;
        }
    }

    @Override
    public void close() {
        map.close();
    }
}
