package io.cospadi.quantization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;

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
 * reached, for the values that it then has.
 *
 * <p>Columns are rounded in blocks: what the blocks behind one feed into it is a product, so that row by row, on the host, only what
 * columns of one block feed into each other is left. Cost: {@code 2 · rows · cols²} operations in products, all in f64.
 *
 * @see <a href="https://arxiv.org/abs/2210.17323">GPTQ</a>, <a href="https://arxiv.org/abs/2307.13304">QuIP</a>
 */
public final class FeedbackRounding implements AutoCloseable {
    /** Columns of a block, about: a block is whole groups, and its part of L stays in the cache nearest to the processor. */
    private static final int BLOCK = 64;

    private final Backend backend;
    private final int cols;
    private final int bits;
    private final int groupSize;
    private final int block;

    /** Lᵀ (cols, cols) F64, or null where errors are not fed back. */
    private final Matrix factor;

    /** For each block L's part on the diagonal, row-major; null where errors are not fed back. */
    private final double[][] diagonals;

    private FeedbackRounding(Backend backend, int cols, int bits, int groupSize, Matrix factor) {
        this.backend = backend;
        this.cols = cols;
        this.bits = bits;
        this.groupSize = groupSize;
        this.factor = factor;
        block = groupSize == 0 || groupSize > BLOCK ? Math.max(BLOCK, groupSize) : BLOCK / groupSize * groupSize;
        diagonals = new double[(cols + block - 1) / block][];
    }

    /**
     * Rounding with feedback.
     *
     * @param factor L (cols, cols) F64, lower, with a positive diagonal and zeros above it; read only
     */
    public static FeedbackRounding under(Backend backend, Matrix factor, int bits, int groupSize) {
        int cols = factor.rows();
        Matrix transposed = backend.allocate(cols, cols, DType.F64);
        FeedbackRounding rounding = new FeedbackRounding(backend, cols, bits, groupSize, transposed);
        try {
            backend.transpose(factor, transposed);
            for (int b = 0; b < rounding.diagonals.length; b++) {
                rounding.diagonals[b] = rounding.diagonal(factor, b);
            }
            return rounding;
        } catch (RuntimeException | Error failure) {
            transposed.close();
            throw failure;
        }
    }

    /** Every element to the nearest level. */
    public static FeedbackRounding none(Backend backend, int cols, int bits, int groupSize) {
        return new FeedbackRounding(backend, cols, bits, groupSize, null);
    }

    private double[] diagonal(Matrix lower, int b) {
        int from = b * block;
        int width = width(b);
        double[] rows = backend.readDoubles(lower.rows(from, width));
        double[] diagonal = new double[width * width];
        for (int i = 0; i < width; i++) {
            System.arraycopy(rows, i * cols + from, diagonal, i * width, width);
        }
        return diagonal;
    }

    private int width(int b) {
        return Math.min(block, cols - b * block);
    }

    /**
     * Rounds.
     *
     * @param matrix (rows, cols) F64, read only
     * @throws ArithmeticException if a value is not finite
     */
    public Levels round(Matrix matrix) {
        int rows = matrix.rows();
        double[] values = backend.readDoubles(matrix);
        Levels levels = new Levels(new short[values.length], new short[rows * LevelGrid.scales(cols, groupSize)]);
        if (groupSize == 0) {
            // before anything is fed back: a row's one scale is chosen for the values it comes with
            backend.onHost(
                    rows, row -> levels.scales()[row] = LevelGrid.scaleFor(values, row * cols, (row + 1) * cols, bits));
        }
        if (factor == null) {
            for (int b = 0; b < diagonals.length; b++) {
                roundBlock(b, values, new double[width(b) * rows], levels);
            }
            return levels;
        }
        try (Matrix errors = backend.allocate(cols, rows, DType.F64)) {
            backend.fill(errors, 0);
            for (int b = diagonals.length - 1; b >= 0; b--) {
                double[] own;
                try (Matrix fed = backend.allocate(width(b), rows, DType.F64)) {
                    backend.gemm(1, factor.rows(b * block, width(b)), false, errors, false, 0, fed);
                    own = backend.readDoubles(fed);
                }
                roundBlock(b, values, own, levels);
                backend.write(errors.rows(b * block, width(b)), own);
            }
        }
        return levels;
    }

    /**
     * Rounds the columns of a block.
     *
     * @param fed (width, rows) what was fed into them; becomes their errors
     */
    private void roundBlock(int b, double[] values, double[] fed, Levels levels) {
        int rows = values.length / cols;
        int from = b * block;
        int width = width(b);
        int groups = LevelGrid.scales(cols, groupSize);
        int span = groupSize == 0 ? width : groupSize;
        backend.onHost(rows, r -> {
            double[] wanted = new double[width];
            double[] feedback = new double[width];
            for (int j = 0; j < width; j++) {
                feedback[j] = fed[j * rows + r];
            }
            for (int first = (width - 1) / span * span; first >= 0; first -= span) {
                int last = Math.min(width, first + span);
                int scale = r * groups + (groupSize == 0 ? 0 : (from + first) / groupSize);
                for (int j = first; j < last; j++) {
                    wanted[j] = wanted(values[r * cols + from + j], feedback[j], b, j);
                }
                if (groupSize != 0) {
                    levels.scales()[scale] = LevelGrid.scaleFor(wanted, first, last, bits);
                }
                float step = Bfloat16.toFloat(levels.scales()[scale]);
                for (int j = last - 1; j >= first; j--) {
                    double element = values[r * cols + from + j];
                    float level = LevelGrid.round(wanted(element, feedback[j], b, j), step, bits);
                    levels.values()[r * cols + from + j] = Bfloat16.fromFloat(level);
                    fed[j * rows + r] = element - level;
                    feed(element - level, b, j, feedback);
                }
            }
        });
    }

    private double wanted(double element, double feedback, int b, int j) {
        return factor == null ? element : element + feedback / diagonals[b][j * width(b) + j];
    }

    /** {@code feedback[0 .. j-1] += error · L[j]} within the block. */
    private void feed(double error, int b, int j, double[] feedback) {
        if (factor == null) {
            return;
        }
        double[] diagonal = diagonals[b];
        int from = j * width(b);
        for (int i = 0; i < j; i++) {
            feedback[i] += error * diagonal[from + i];
        }
    }

    @Override
    public void close() {
        if (factor != null) {
            factor.close();
        }
    }
}
