package io.cospadi.quantization;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.RoundingVerbs;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.LevelGrid;
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
 * columns in reverse, without its inverse of H (the equivalence: QuIP, theorem 6). A group's scale is chosen when its last column is
 * reached, for the values that its columns have then.
 *
 * <p>Columns are rounded in panels of whole groups: what the columns behind a panel feed into it is one product, and within it,
 * after each {@value #BLOCK} columns or the end of a group, what these feed into the rest is another, so that only what neighbours
 * feed into each other is left to {@link RoundingVerbs#roundWithFeedback}. In f64; products of about {@code rows · cols²} operations.
 * Nothing is waited for. With panels of w columns it holds {@code 4 cols (cols + w)} bytes of L, and while it rounds
 * {@code 12 rows · cols + 8 rows · w} more: W and E in one place, and levels.
 *
 * @see <a href="https://arxiv.org/abs/2210.17323">GPTQ</a>, <a href="https://arxiv.org/abs/2307.13304">QuIP</a>
 */
public final class FeedbackRounding implements AutoCloseable {
    private static final int BLOCK = RoundingVerbs.MOST_FED_ROWS;

    private final Backend backend;
    private final int cols;
    private final int bits;
    /** 0 where a row has one scale. */
    private final int groupSize;

    private final List<Panel> panels = new ArrayList<>();

    /** Nothing is fed; its rows stand for every panel's own. */
    private Matrix nothing;

    /**
     * Neighbouring columns of a matrix.
     *
     * @param own    what they feed into each other, L[from .. to-1, from .. to-1] over its diagonal, F64; null where nothing is fed
     * @param behind what columns behind them feed into them, L[to .., from .. to-1] likewise; null where none are, or none is fed
     */
    private record Panel(int from, int to, Matrix own, Matrix behind) {
        int width() {
            return to - from;
        }
    }

    private FeedbackRounding(Backend backend, int cols, int bits, int groupSize) {
        this.backend = backend;
        this.cols = cols;
        this.bits = bits;
        this.groupSize = groupSize >= cols ? 0 : groupSize;
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

    /** Every element to the nearest level; the caller closes it. */
    public static FeedbackRounding none(Backend backend, int cols, int bits, int groupSize) {
        FeedbackRounding rounding = new FeedbackRounding(backend, cols, bits, groupSize);
        rounding.nothing = backend.allocate(BLOCK, BLOCK, DType.F64);
        for (int from = 0; from < cols; from = Math.min(cols, from + BLOCK)) {
            rounding.panels.add(new Panel(from, Math.min(cols, from + BLOCK), null, null));
        }
        return rounding;
    }

    /** Columns of a panel, whole groups, where a row has so many. */
    public static int panelWidth(int cols, int groupSize) {
        return groupSize == 0 || groupSize >= cols ? BLOCK : groupSize * Math.max(1, BLOCK / groupSize);
    }

    private void divide(Matrix factor) {
        try (Matrix transposed = backend.allocate(cols, cols, DType.F64);
                Matrix diagonal = backend.allocate(1, cols, DType.F64)) {
            backend.diagonal(factor, diagonal);
            backend.power(diagonal, -1, diagonal);
            backend.transpose(factor, transposed);
            backend.scaleRows(transposed, diagonal);
            int width = panelWidth(cols, groupSize);
            for (int from = 0; from < cols; from += width) {
                int to = Math.min(cols, from + width);
                try (Matrix columns = backend.allocate(cols, to - from, DType.F64)) {
                    backend.transpose(transposed.rows(from, to - from), columns);
                    Matrix own = backend.allocate(to - from, to - from, DType.F64);
                    panels.add(new Panel(from, to, own, null));
                    backend.copy(columns.rows(from, to - from), own);
                    if (to < cols) {
                        Matrix behind = backend.allocate(cols - to, to - from, DType.F64);
                        panels.set(panels.size() - 1, new Panel(from, to, own, behind));
                        backend.copy(columns.rows(to, cols - to), behind);
                    }
                }
            }
        }
    }

    private boolean feeds() {
        return nothing == null;
    }

    /** Operations of rounding so many rows. */
    public double operations(int rows) {
        return feeds() ? (double) rows * cols * cols : 0;
    }

    /**
     * A matrix at levels.
     *
     * @param values (rows, cols) F32
     * @param scales (rows, groups) F32; NaN where a value had no finite level
     */
    public record Rounded(Matrix values, Matrix scales) implements AutoCloseable {
        @Override
        public void close() {
            values.close();
            scales.close();
        }
    }

    /**
     * Rounds.
     *
     * @param matrix (rows, cols) F64, read only
     * @return its matrices are the caller's to close
     */
    public Rounded round(Matrix matrix) {
        int rows = matrix.rows();
        int groups = LevelGrid.scales(cols, groupSize);
        try (Matrix levels = backend.allocate(cols, rows, DType.F32);
                Matrix scales = backend.allocate(groups, rows, DType.F32)) {
            try (Matrix values = backend.allocate(cols, rows, DType.F64)) {
                backend.transpose(matrix, values);
                if (groupSize == 0 || !feeds()) { // a row's one scale is for the values that it comes with
                    backend.chooseScales(values, groupSize, bits, scales);
                }
                for (int p = panels.size() - 1; p >= 0; p--) {
                    round(panels.get(p), values, scales, levels);
                }
            }
            Matrix roundedRows = transposed(levels);
            try {
                return new Rounded(roundedRows, transposed(scales));
            } catch (RuntimeException | Error failure) {
                roundedRows.close();
                throw failure;
            }
        }
    }

    private Matrix transposed(Matrix matrix) {
        Matrix transposed = backend.allocate(matrix.cols(), matrix.rows(), matrix.dtype());
        backend.transpose(matrix, transposed);
        return transposed;
    }

    /**
     * Rounds the columns of a panel.
     *
     * @param values (cols, rows), those behind the panel errors by now; the panel's become errors
     * @param scales (groups, rows), the panel's chosen here where it depends on what was fed
     * @param levels (cols, rows), the panel's overwritten
     */
    private void round(Panel panel, Matrix values, Matrix scales, Matrix levels) {
        int from = panel.from;
        try (Matrix wanted = backend.allocate(panel.width(), values.cols(), DType.F64)) {
            backend.copy(values.rows(from, panel.width()), wanted);
            if (panel.behind != null) {
                backend.gemm(1, panel.behind, true, values.rows(panel.to, cols - panel.to), false, 1, wanted);
            }
            int begin;
            for (int end = panel.width(); end > 0; end = begin) {
                int group = groupSize == 0 ? 0 : (from + end - 1) / groupSize;
                int groupBegin = Math.max(0, group * groupSize - from);
                begin = Math.max(groupBegin, end - BLOCK);
                Matrix scale = scales.rows(group, 1);
                boolean endsGroup = from + end == cols || (groupSize != 0 && (from + end) % groupSize == 0);
                if (groupSize != 0 && feeds() && endsGroup) {
                    backend.chooseScales(wanted.rows(groupBegin, end - groupBegin), 0, bits, scale);
                }
                Matrix errors = values.rows(from + begin, end - begin);
                Matrix feedback = (feeds() ? panel.own : nothing).rows(begin, end - begin);
                backend.roundWithFeedback(
                        errors,
                        wanted.rows(begin, end - begin),
                        feedback,
                        begin,
                        bits,
                        scale,
                        levels.rows(from + begin, end - begin));
                if (begin > 0 && feeds()) { // what columns that are done get, too, is not read
                    backend.gemm(1, feedback, true, errors, false, 1, wanted);
                }
            }
        }
    }

    @Override
    public void close() {
        if (nothing != null) {
            nothing.close();
        }
        for (Panel panel : panels) {
            if (panel.own != null) {
                panel.own.close();
            }
            if (panel.behind != null) {
                panel.behind.close();
            }
        }
    }
}
