package io.cospadi.quantization;

import io.cospadi.tensor.Bfloat16;
import java.util.Arrays;

/**
 * Rounds the rows of a matrix to levels so that {@code tr(E H Eᵀ)} stays small, E = W − Ŵ, by feeding each column's error into the
 * columns that are still to be rounded. With {@code H = L Lᵀ} that is {@code ‖E L‖²}, and column j of E L,
 *
 * <pre>
 *   E_j L_jj + Σ_{i > j} E_i L_ij
 * </pre>
 *
 * is least where {@code W_j + Σ_{i > j} E_i L_ij / L_jj} is rounded, columns from last to first. This is GPTQ's sweep over the
 * columns in reverse, without its inverse of H (the equivalence: QuIP, theorem 6). A group's scale is chosen when its first column is
 * reached, for the values that it then has. Cost: {@code rows · cols²} operations, in f64.
 *
 * @see <a href="https://arxiv.org/abs/2210.17323">GPTQ</a>, <a href="https://arxiv.org/abs/2307.13304">QuIP</a>
 */
public final class FeedbackRounding {
    private final int cols;
    private final int bits;
    private final int groupSize;
    /** L, row-major, or null where errors are not fed back. */
    private final double[] factor;

    private FeedbackRounding(double[] factor, int cols, int bits, int groupSize) {
        this.factor = factor;
        this.cols = cols;
        this.bits = bits;
        this.groupSize = groupSize;
    }

    /**
     * Rounding with feedback.
     *
     * @param factor L (cols, cols), row-major, lower, with a positive diagonal; read only, not copied
     */
    public static FeedbackRounding under(double[] factor, int cols, int bits, int groupSize) {
        return new FeedbackRounding(factor, cols, bits, groupSize);
    }

    /** Every element to the nearest level. */
    public static FeedbackRounding none(int cols, int bits, int groupSize) {
        return new FeedbackRounding(null, cols, bits, groupSize);
    }

    /**
     * Rounds.
     *
     * @param matrix (rows, cols), row-major; read only
     * @throws ArithmeticException if a value is not finite
     */
    public Levels round(double[] matrix) {
        int rows = matrix.length / cols;
        int groups = LevelGrid.scales(cols, groupSize);
        short[] values = new short[matrix.length];
        short[] scales = new short[rows * groups];
        double[] row = new double[cols];
        double[] feedback = new double[cols];
        for (int r = 0; r < rows; r++) {
            Arrays.fill(feedback, 0);
            for (int group = groups - 1; group >= 0; group--) {
                int from = groupSize == 0 ? 0 : group * groupSize;
                int to = groupSize == 0 ? cols : Math.min(cols, from + groupSize);
                for (int j = from; j < to; j++) {
                    row[j] = wanted(matrix[r * cols + j], feedback, j);
                }
                short scale = LevelGrid.scaleFor(row, from, to, bits);
                scales[r * groups + group] = scale;
                for (int j = to - 1; j >= from; j--) {
                    double element = matrix[r * cols + j];
                    float level = LevelGrid.round(wanted(element, feedback, j), Bfloat16.toFloat(scale), bits);
                    values[r * cols + j] = Bfloat16.fromFloat(level);
                    feed(element - level, j, feedback);
                }
            }
        }
        return new Levels(values, scales);
    }

    private double wanted(double element, double[] feedback, int j) {
        return factor == null ? element : element + feedback[j] / factor[j * cols + j];
    }

    private void feed(double error, int j, double[] feedback) {
        for (int i = 0; i < j && factor != null; i++) {
            feedback[i] += error * factor[j * cols + i];
        }
    }
}
