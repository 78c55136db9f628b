package io.cospadi.quantization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import java.util.ArrayList;
import java.util.List;

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
 * <p>Columns are rounded in blocks of at most {@value #BLOCK}: what the blocks behind one feed into it is a product, so that row by
 * row, on the host, only what columns of one block feed into each other is left. In f64; products of {@code rows · cols²} operations,
 * twice that where groups are longer than a block. Holds half of L, {@code 4 · cols²} bytes, and while it rounds the errors,
 * {@code 8 · rows · cols} bytes.
 *
 * @see <a href="https://arxiv.org/abs/2210.17323">GPTQ</a>, <a href="https://arxiv.org/abs/2307.13304">QuIP</a>
 */
public final class FeedbackRounding implements AutoCloseable {
    /** Most columns of a block, whose part of L lies in the processor's caches. */
    private static final int BLOCK = 64;

    private final Backend backend;
    private final int cols;
    private final int bits;
    private final int groupSize;
    private final List<Block> blocks = new ArrayList<>();

    /**
     * Neighbouring columns: whole groups, or a part of one.
     *
     * @param diagonal L's part on the diagonal (width, width), row-major; null where errors are not fed back
     * @param behind   what columns behind the block feed into it, L[to.., from .. to-1] F64; null where none are, or none is fed
     */
    private record Block(int from, int to, double[] diagonal, Matrix behind) {
        int width() {
            return to - from;
        }
    }

    private FeedbackRounding(Backend backend, int cols, int bits, int groupSize) {
        this.backend = backend;
        this.cols = cols;
        this.bits = bits;
        this.groupSize = groupSize;
    }

    /**
     * Rounding with feedback; the caller closes it.
     *
     * @param factor L (cols, cols) F64, lower, with a positive diagonal and zeros above it; read only
     */
    public static FeedbackRounding under(Backend backend, Matrix factor, int bits, int groupSize) {
        FeedbackRounding rounding = new FeedbackRounding(backend, factor.rows(), bits, groupSize);
        try {
            rounding.divide(factor);
            return rounding;
        } catch (RuntimeException | Error failure) {
            rounding.close();
            throw failure;
        }
    }

    /** Every element to the nearest level. */
    public static FeedbackRounding none(Backend backend, int cols, int bits, int groupSize) {
        FeedbackRounding rounding = new FeedbackRounding(backend, cols, bits, groupSize);
        for (int from = 0; from < cols; from = rounding.end(from)) {
            rounding.blocks.add(new Block(from, rounding.end(from), null, null));
        }
        return rounding;
    }

    /** Where the block that begins at a column ends. */
    private int end(int from) {
        if (groupSize == 0) {
            return Math.min(cols, from + BLOCK);
        }
        int endOfGroup = (from / groupSize + 1) * groupSize;
        int end = groupSize > BLOCK ? Math.min(endOfGroup, from + BLOCK) : from + BLOCK / groupSize * groupSize;
        return Math.min(cols, end);
    }

    private void divide(Matrix factor) {
        try (Matrix transposed = backend.allocate(cols, cols, DType.F64)) {
            backend.transpose(factor, transposed);
            for (int from = 0; from < cols; from = end(from)) {
                int to = end(from);
                try (Matrix columns = backend.allocate(cols, to - from, DType.F64)) {
                    backend.transpose(transposed.rows(from, to - from), columns);
                    double[] diagonal = backend.readDoubles(columns.rows(from, to - from));
                    Matrix behind = to == cols ? null : backend.allocate(cols - to, to - from, DType.F64);
                    blocks.add(new Block(from, to, diagonal, behind));
                    if (behind != null) {
                        backend.copy(columns.rows(to, cols - to), behind);
                    }
                }
            }
        }
    }

    /** Operations of rounding so many rows: the scales of a group longer than a block need the products before the blocks do. */
    public double operations(int rows) {
        return (groupSize > BLOCK ? 2.0 : 1.0) * rows * cols * cols;
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
        try (Matrix errors = feeds() ? backend.allocate(cols, rows, DType.F64) : null) {
            for (int b = blocks.size() - 1; b >= 0; b--) {
                Block block = blocks.get(b);
                boolean endsLongGroup = groupSize > BLOCK && (block.to == cols || block.to % groupSize == 0);
                if (endsLongGroup) {
                    chooseScales(b, values, errors, rows, levels);
                }
                double[] own = fed(block, block.to, errors, rows);
                roundBlock(block, values, own, levels);
                if (feeds()) {
                    backend.write(errors.rows(block.from, block.width()), own);
                }
            }
        }
        return levels;
    }

    private boolean feeds() {
        return blocks.get(0).diagonal != null;
    }

    /** What the columns from {@code from} on have fed into a block, (width, rows). */
    private double[] fed(Block block, int from, Matrix errors, int rows) {
        if (block.behind == null || from == cols) {
            return new double[block.width() * rows];
        }
        try (Matrix fed = backend.allocate(block.width(), rows, DType.F64)) {
            Matrix behind = block.behind.rows(from - block.to, cols - from);
            backend.gemm(1, behind, true, errors.rows(from, cols - from), false, 0, fed);
            return backend.readDoubles(fed);
        }
    }

    /** The scales of the group of several blocks that ends with a block, for the values as they are before it is rounded. */
    private void chooseScales(int last, double[] values, Matrix errors, int rows, Levels levels) {
        int to = blocks.get(last).to;
        int group = (to - 1) / groupSize;
        int from = group * groupSize;
        double[] wanted = new double[rows * (to - from)];
        for (int b = last; b >= 0 && blocks.get(b).from >= from; b--) {
            Block block = blocks.get(b);
            double[] own = fed(block, to, errors, rows);
            backend.onHost(rows, r -> {
                for (int j = 0; j < block.width(); j++) {
                    int column = block.from + j;
                    wanted[r * (to - from) + column - from] =
                            wanted(values[r * cols + column], own[j * rows + r], block, j);
                }
            });
        }
        backend.onHost(
                rows,
                r -> levels.scales()[r * LevelGrid.scales(cols, groupSize) + group] =
                        LevelGrid.scaleFor(wanted, r * (to - from), (r + 1) * (to - from), bits));
    }

    /**
     * Rounds the columns of a block.
     *
     * @param fed (width, rows) what was fed into them; becomes their errors
     */
    private void roundBlock(Block block, double[] values, double[] fed, Levels levels) {
        int rows = values.length / cols;
        int width = block.width();
        int groups = LevelGrid.scales(cols, groupSize);
        boolean wholeGroups = groupSize != 0 && groupSize <= BLOCK;
        int span = wholeGroups ? groupSize : width;
        backend.onHost(rows, r -> {
            double[] feedback = new double[width];
            for (int j = 0; j < width; j++) {
                feedback[j] = fed[j * rows + r];
            }
            double[] wanted = new double[width];
            for (int first = (width - 1) / span * span; first >= 0; first -= span) {
                int last = Math.min(width, first + span);
                int group = r * groups + (groupSize == 0 ? 0 : (block.from + first) / groupSize);
                if (wholeGroups) {
                    for (int j = first; j < last; j++) {
                        wanted[j] = wanted(values[r * cols + block.from + j], feedback[j], block, j);
                    }
                    levels.scales()[group] = LevelGrid.scaleFor(wanted, first, last, bits);
                }
                float scale = Bfloat16.toFloat(levels.scales()[group]);
                for (int j = last - 1; j >= first; j--) {
                    int at = r * cols + block.from + j;
                    float level = LevelGrid.round(wanted(values[at], feedback[j], block, j), scale, bits);
                    levels.values()[at] = Bfloat16.fromFloat(level);
                    fed[j * rows + r] = values[at] - level;
                    feed(values[at] - level, block, j, feedback);
                }
            }
        });
    }

    private static double wanted(double element, double feedback, Block block, int j) {
        return block.diagonal == null ? element : element + feedback / block.diagonal[j * block.width() + j];
    }

    /** {@code feedback[0 .. j-1] += error · L[j]} within the block. */
    private static void feed(double error, Block block, int j, double[] feedback) {
        if (block.diagonal != null) {
            int from = j * block.width();
            for (int i = 0; i < j; i++) {
                feedback[i] += error * block.diagonal[from + i];
            }
        }
    }

    @Override
    public void close() {
        for (Block block : blocks) {
            if (block.behind != null) {
                block.behind.close();
            }
        }
    }
}
